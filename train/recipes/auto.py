"""A recipe: the method on the features that it is made for, and on all others what measuring found.

Chosen by nested folds by speaker on 535 real acted clips (EmoDB, log-mel), 120 spoken digits (log-mel) and the
demo's corpus; train/README.md has the figures, and tests/bench/bench_recipes.py makes them again.
"""

from __future__ import annotations

import math
from typing import Any

from train.recipes.recipe import Known, Recipe
from train.recipes.registry import AUTO

WIDE = 512  # channels from which hidden states are those of an encoder such as the method's
BATCH = 32
LEAST_STEPS, LEAST_EPOCHS = 1000, 30  # of the optimiser; hundreds of clips take many epochs to learn from
MEASURED: dict[str, Any] = {
    "clip_vector": "components",
    "lstm": False,
    "fusion": "mlp",
    "standardise": "train",
    "dropout": 0.5,
    "loss": "mse+ccc",
    "lr": 3e-3,
    "batch_size": BATCH,
    # No clip is set aside to choose an epoch: on so few speakers the choice is noise, and costs more than it finds.
    "select": "last",
    # Where a temporal model is switched on beside them:
    "temporal": "gru",
    "hidden": 64,
    "lstm_layers": 1,
}


def auto(known: Known) -> Recipe:
    """Return the method for hidden states of a wide encoder with VAD, and ``MEASURED`` for everything else."""
    own = known.is_hidden_states and known.width >= WIDE and known.vad and not known.compact
    if own and not known.streams:
        why = (
            f"the published method, for {known.field} with {known.width} channels and VAD; with the epoch that the "
            "inner part chooses it is fitted again on all of train (--no-refit leaves that out)"
        )
        return Recipe(AUTO, {"refit": True}, why)
    epochs = max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / math.ceil(known.clips / BATCH)))
    vad = {} if known.streams else {"vad": known.vad}  # of a stream: where its cache has it
    fields = {**MEASURED, **vad, "epochs": epochs}
    why = (
        f"statistics of frames and of their principal components into a small network, {fields['loss']}, {epochs} "
        f"epochs on all of train, dropout {fields['dropout']}: measured best on features like {_what(known)} "
        "(--recipe paper: the published method)"
    )
    return Recipe(AUTO, fields, why)


def _what(known: Known) -> str:
    if known.streams:
        return f"those of {len(known.streams)} streams"
    if known.compact:
        return "those of a compact cache"
    vad = " without VAD" if known.is_hidden_states and not known.vad else ""
    return f"{known.field} with {known.width} channels{vad}"
