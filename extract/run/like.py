"""Options taken from the recipe of a cache, a run or a bundle, so that new clips become like those it knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache.common.errors import RecipeMismatchError
from cache.compaction.like import Like, read_like
from cache.format.recipe import Recipe
from extract.audio.rules import rules_of
from extract.encoders.base import EncoderOptions
from extract.encoders.registry import BUILT_IN
from extract.errors import EncoderError, ExtractError
from extract.options import ExtractOptions

AUTO, LAST = "auto", "last"
LOCAL = "local"  # what a recipe says of an encoder that lay in a folder


def options_like(
    path: Path | str, encoder: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
) -> ExtractOptions:
    """Return the options that make features like those of a cache, a run or a bundle.

    Args:
        path: of it.
        encoder: fields of ``EncoderOptions`` that somebody chose. A model may be another copy of the same one:
            whether it is shows in its weights.
        options: fields of ``ExtractOptions`` that somebody chose.

    Raises:
        ExtractError: a field that was chosen contradicts the recipe.
        EncoderError: the recipe does not say where the model is.
        CacheError: ``path`` is no cache, run or bundle.
    """
    like = read_like(path)
    recipe, chosen, rest = like.recipe.encoder, dict(encoder or {}), dict(options or {})
    if chosen.get("precision") == AUTO:
        del chosen["precision"]
    if "model" not in chosen:
        chosen["model"] = _model_of(like, recipe)
    own: dict[str, Any] = {
        "layers": _layers_of(like, recipe),
        "precision": _known(like, recipe, "precision", str),
    }
    if chosen["model"] == recipe.get("model") and chosen["model"] not in BUILT_IN:
        own["revision"] = _known(like, recipe, "revision", str)
    if "padding" in recipe:
        own["padding"] = _known(like, recipe, "padding", int | float)
    seconds = _known(like, recipe, "max_seconds", int | float)
    typed = {**chosen, **rest}
    for name, value in {**own, "max_seconds": seconds}.items():
        # "last" and a branch may name the same: then the recipes will agree
        if name in typed and typed[name] not in (value, LAST) and name != "revision":
            flag = f"--{name.replace('_', '-')}"
            raise ExtractError(
                f"{flag}: found {typed[name]}, and {like.path} was made with {value}; leave {flag} out, "
                "or do without --like"
            )
    settled = {"like": like.path, "max_seconds": float(seconds), "rules": rules_of(recipe)}
    return ExtractOptions(encoder=EncoderOptions(**{**own, **chosen}), **{**rest, **settled})


def require_like(like: Like, recipe: Recipe) -> None:
    """Refuse an encoder whose values are not those of what the clips are to be like.

    Raises:
        RecipeMismatchError: its recipe differs.
    """
    lines = like.recipe.encoder.differences(recipe)
    if lines:
        raise RecipeMismatchError(
            f"{like.path} was made with another recipe than these options give (its -> this one): "
            f"{'; '.join(lines)}; name its encoder with --model, or do without --like"
        )


def _model_of(like: Like, recipe: Recipe) -> str:
    model = _known(like, recipe, "model", str)
    if model == LOCAL:
        raise EncoderError(
            f"{like.path}: its encoder lay in a local folder, and no recipe says where; name it with --model DIR "
            f"(weights {str(recipe.get('weights_sha256'))[:12]}…)"
        )
    return str(model)


def _layers_of(like: Like, recipe: Recipe) -> str:
    layers = _known(like, recipe, "layers", list)
    return ",".join(map(str, layers)) or LAST


def _known(like: Like, recipe: Recipe, name: str, kind: Any) -> Any:
    """Return a value of the recipe."""
    value = recipe.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ExtractError(
            f"{like.path}: its recipe has {name} {value!r:.60}; expected the recipe of an extraction: give a cache "
            "that emi-extract run wrote, or a run or bundle trained on one"
        )
    return value
