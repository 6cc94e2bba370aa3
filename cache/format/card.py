"""The cache card: the README that travels with a cache and says what it is and what it obliges to."""

from __future__ import annotations

from cache.common.console import in_one_line
from cache.format.catalog import Description


def card(description: Description) -> str:
    """Return the Markdown text of ``CACHE/README.md``."""
    fields = "\n".join(
        f"| `frames/{name}` | {field.width} | {field.dtype.name} | {field.frame_shift * 1000:g} ms |"
        for name, field in description.fields.items()
    )
    recipe = "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in description.recipe.items())
    return f"""# Speech feature cache

Frame-level features of speech clips, made by emi-fusion (format version 1). `emi-cache info` shows what is in
it, `emi-cache verify` checks every checksum. Only shards with a commit record (`shards/<name>.json`) count.

**Personal data.** What is computed from a voice is personal data: keep this folder as you keep the clips.

**Licence of the encoder's weights.** {in_one_line(description.licence) or "Not stated by the encoder."}

| field | width | dtype | one frame every |
|---|---|---|---|
{fields}

## Recipe `{description.recipe.recipe_id}`

| key | value |
|---|---|
{recipe}
"""


def _cell(value: object) -> str:
    return in_one_line(value).replace("|", "\\|")
