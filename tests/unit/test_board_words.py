"""The board's words: names as they would be printed, and the drawing that a name deserves."""

from __future__ import annotations

import pytest

from services.visionboard import words
from services.visionboard.pictograms import pictogram_for


@pytest.mark.parametrize(
    ("name", "categories", "code"),
    [
        ("Fluid milk white only", ("GROCERY", "FLUID MILK PRODUCTS"), "1F95B"),
        ("Bananas", ("PRODUCE", "TROPICAL FRUIT"), "1F34C"),
        ("Premium", ("GROCERY", "ICE CREAM/MILK/SHERBTS"), "1F368"),
        ("Primal", ("MEAT", "BEEF"), "1F969"),
        ("Beans green, cut", ("GROCERY", "VEGETABLES"), "1FADB"),
        ("Quux", (), None),
    ],
)
def test_a_product_is_drawn_as_what_it_is(name, categories, code):
    assert pictogram_for(name, categories) == code


@pytest.mark.parametrize(
    ("name", "large"),
    [
        ("Mainstream white bread 24 oz", "Mainstream white bread"),
        ("Beans green, fs, whl, cut 14.5 oz", "Beans green"),
        ("Eggs, x-large 1 dozen", "Eggs"),
        ("Hafermilch Barista 1 L", "Hafermilch Barista"),
        ("7 up", "7 up"),
    ],
)
def test_large_type_leaves_the_packet_out(name, large):
    assert words.headline(name) == large


@pytest.mark.parametrize(("times", "told"), [(1, "once"), (2, "twice"), (5, "five times"), (40, "40 times")])
def test_how_often_something_was_bought_is_said_in_words(times, told):
    assert words.bought(times) == f"You bought it {told}"
