"""The card says what the cache is and what it obliges to."""

from __future__ import annotations

from cache.format.card import card
from cache.format.catalog import Description
from cache.format.recipe import Recipe


def test_the_card_names_fields_recipe_licence_and_personal_data(fields, recipe) -> None:
    description = Description(Recipe(recipe), {field.name: field for field in fields}, licence="CC BY")
    text = card(description)
    assert "| `frames/vad` | 3 | float32 | 20 ms |" in text
    assert f"## Recipe `{description.recipe.recipe_id}`" in text
    assert "| model | test |" in text
    assert "weights.** CC BY" in text
    assert "Personal data" in text
    assert "Not stated by the encoder" in card(Description(Recipe(recipe), {}))
