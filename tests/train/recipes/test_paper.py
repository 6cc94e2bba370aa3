"""The paper's recipe is the defaults of a config, whatever the features."""

from __future__ import annotations

from train import FitConfig
from train.recipes.paper import paper
from train.recipes.recipe import Known


def test_it_is_the_method_exactly() -> None:
    for known in (Known("logmel", 80, False, False, 50), Known("hidden_states/12", 1024, True, False, 50)):
        config = FitConfig.from_dict(paper(known).fields)
        assert config == FitConfig() and config.warmup_from == 0 and not config.refit
