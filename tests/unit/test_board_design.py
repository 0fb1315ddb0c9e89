"""The board's geometry, type, colours and words, for whatever a shop may hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.visionboard.captions import ASCENT, DESCENT
from services.visionboard.compose import Commission, compose_board
from services.visionboard.curate import curate
from services.visionboard.draw import draw
from services.visionboard.layout import GRIDS, MAX_SECTIONS, mosaic, template
from services.visionboard.model import Board, Box, Line, Tile
from services.visionboard.palette import MINIMUM_CONTRAST, contrast, curated, from_pictures, legible
from services.visionboard.render import png
from services.visionboard.sheet import Photo
from services.visionboard.typesetting import Face, fit, is_rtl, presentable, runs, width, wrap
from shared.knowledge.insight import Bought, Insight, Interest, Parameters, Product
from shared.knowledge.recommend import Item, Recommendation

AT = 1_763_856_000_000
DAY = 86_400_000
NAMES = {
    "english": ["Whole milk", "Bananas", "Shredded cheese", "White bread", "Kids cereal", "Iced tea, 2 litres", "Eggs"],
    "till": ["FLUID MILK WHITE ONLY", "SFT DRNK 2 LITER BTL CARB INCL", "MAINSTREAM WHEAT/MULTIGRAIN BR"],
    "german": [
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
        "Donaudampfschifffahrtsgesellschaftskapitänsmütze",
        "Bio-Haferdrink ungesüßt mit Calcium und Vitaminen",
        "Straßenbahnhaltestellenkaffee, gemahlen",
    ],
    "arabic": ["حليب كامل الدسم", "خبز عربي طازج", "زيت زيتون بكر ممتاز", "قهوة عربية بالهيل"],
    "odd": ["<script>&\"'", "x", "\U0001d518\U0001d52b 🎉", "A" * 180, "1234567890", "Ж" * 40],
}
CATEGORIES = [
    "Dairy",
    "Fruit & vegetables",
    "Molkereierzeugnisse und Milchalternativen",
    "ألبان",
    "BAKED BREAD/BUNS/ROLLS",
    "Tea",
]


def products(names: list[str], count: int, categories: int, *, pictured: bool) -> list[Product]:
    return [
        Product(
            f"p{number}",
            names[number % len(names)] + (f" {number}" if number >= len(names) else ""),
            ("Food", CATEGORIES[number % categories]) if categories else (),
            price=Decimal("2.49"),
            currency="EUR",
            image_url=f"https://pictures.example/{number}.jpg" if pictured and number % 3 else None,
        )
        for number in range(count)
    ]


def known(items: list[Product], bought: int) -> tuple[Insight, Recommendation]:
    """A user who bought the first so many, and for whom the others are suggested."""
    edges = tuple(
        Bought(item, tuple(AT - DAY * (number + k) for k in range(4 - number % 4)), Decimal(4), Decimal(9), Decimal(0))
        for number, item in enumerate(items[:bought])
    )
    insight = Insight(
        "shop", "u", AT, known=True, traits={}, locale="de", consent=True, bought=edges, interests=(), reactions=(),
        candidates=(), parameters=Parameters(), refreshed_at=AT,
    )  # fmt: skip
    slate = [
        Item(
            item, "discover", 1.0, {}, f"Because you bought {items[0].title}, and people who do often take this.", None
        )
        for item in items[bought:]
    ]
    due = [Item(item, "buy_again", 1.0, {}, "You buy it about every 8 days.", None) for item in items[:bought:3]]
    return insight, Recommendation("u", AT, tuple(due), tuple(slate), tuple(due + slate), "personal", "d1")


def made(items: list[Product], bought: int, layout: str = "wide") -> Board:
    insight, recommendation = known(items, bought)
    selection = curate(insight, recommendation, layout)
    photos = {i.image_url: Photo("k", i.image_url, 300, 200, cutout=True) for i in items if i.image_url}
    commission = Commission("b1", "u", "d1", layout, datetime.fromtimestamp(AT / 1000, UTC), "de")
    return compose_board(selection, photos, curated(selection.interests, "u"), commission)


def flaws(board: Board) -> list[str]:
    """Everything that would show on a badly made board."""
    canvas = Box(x=0, y=0, w=board.width, h=board.height)
    found = [f"{tile.alt} leaves the canvas" for tile in board.tiles if not canvas.holds(tile.box)]
    found += [f"{a.alt} | {b.alt} overlap" for a, b in combinations(board.tiles, 2) if a.box.overlaps(b.box)]
    found += [flaw for tile in board.tiles for line in tile.lines for flaw in line_flaws(tile, line)]
    found += [flaw for tile in board.tiles if tile.picture for flaw in picture_flaws(tile, tile.picture.box)]
    if sorted(tile.order for tile in board.tiles) != list(range(len(board.tiles))):
        found.append("the reading order is no permutation")
    return found


def line_flaws(tile: Tile, line: Line) -> list[str]:
    left = line.x - line.width if line.anchor == "right" else line.x
    top, foot = line.y - ASCENT * line.size, line.y + DESCENT * line.size
    within = tile.box.x - 1 <= left and left + line.width <= tile.box.right + 1
    inside = within and tile.box.y - 1 <= top and foot <= tile.box.bottom + 1
    faint = contrast(line.colour, line.ground) < MINIMUM_CONTRAST
    outside = [] if inside else [f"{line.text!r} leaves its tile {tile.role} {tile.box}"]
    return outside + ([f"{line.text!r} is too faint"] if faint else [])


def picture_flaws(tile: Tile, box: Box) -> list[str]:
    outside = [] if tile.box.holds(box) else [f"{tile.alt}: its picture leaves it"]
    below = box.w < tile.box.w or all(line.y - ASCENT * line.size >= box.bottom - 1 for line in tile.lines)
    return outside + ([] if below else [f"{tile.alt}: text runs into the picture"])


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(NAMES)),
    count=st.integers(1, 40),
    share=st.floats(0, 1),
    categories=st.integers(0, len(CATEGORIES)),
    pictured=st.booleans(),
    layout=st.sampled_from(sorted(GRIDS)),
)
def test_whatever_the_shop_holds_the_board_is_sound(*, kind, count, share, categories, pictured, layout):
    items = products(NAMES[kind], count, categories, pictured=pictured)
    board = made(items, round(count * share), layout)
    assert flaws(board) == []
    assert len({tile.product.product_id for tile in board.tiles if tile.product}) == sum(
        tile.product is not None for tile in board.tiles
    )


def test_the_checks_above_would_find_an_overlap_and_text_outside():
    board = made(products(NAMES["english"], 9, 3, pictured=False), 6)
    hero = next(tile for tile in board.tiles if tile.role == "hero")
    stray = hero.lines[0].model_copy(update={"x": -40.0, "colour": hero.ground, "ground": hero.ground})
    broken = hero.model_copy(update={"box": Box(x=0, y=0, w=900, h=900), "lines": (stray,)})
    found = flaws(board.model_copy(update={"tiles": (broken, *board.tiles[2:])}))
    assert any("overlap" in flaw for flaw in found)
    assert any("leaves its tile" in flaw for flaw in found)
    assert any("too faint" in flaw for flaw in found)
    assert any("reading order" in flaw for flaw in found)


@pytest.mark.parametrize("layout", sorted(GRIDS))
def test_every_page_has_room_between_its_parts(layout):
    grid = GRIDS[layout]
    for count in range(MAX_SECTIONS[layout] + 1):
        page = template(layout, count)
        boxes = [grid.box(c) for c in (page.title, page.hero, page.quote, page.swatches, *page.sections)]
        assert len(page.sections) == count
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_a_full_shop_fills_three_to_five_sections_of_different_weight_and_one_hero():
    board = made(products(NAMES["english"], 40, 6, pictured=True), 24)
    assert 3 <= len(board.sections) <= 5
    assert sum(tile.role == "hero" for tile in board.tiles) == 1
    assert sum(section.weight for section in board.sections) == pytest.approx(1, abs=0.01)
    assert {tile.slate for tile in board.tiles if tile.product} >= {"discover", "buy_again"}


def test_a_stated_interest_comes_before_one_that_was_merely_bought():
    items = products(NAMES["english"], 12, 3, pictured=False)
    insight, recommendation = known(items, 9)
    stated = Interest("i1", "category", CATEGORIES[2], Decimal(1), Decimal(0), AT)
    told = replace(insight, interests=(stated,))
    assert curate(told, recommendation, "wide").interests[0] == CATEGORIES[2]
    assert curate(insight, recommendation, "wide").interests[0] != CATEGORIES[2]


def test_the_same_inputs_give_the_same_bytes():
    items = products(NAMES["german"], 12, 3, pictured=False)
    one, other = (made(items, 8) for _ in range(2))
    assert one == other
    assert png(draw(one, {})) == png(draw(other, {}))


def test_a_page_of_right_to_left_names_is_turned_round():
    board = made(products(NAMES["arabic"], 8, 2, pictured=False), 5)
    hero = next(tile for tile in board.tiles if tile.role == "hero")
    assert board.direction == "rtl"
    assert hero.box.x > board.width / 2
    assert all(line.anchor == "right" for line in hero.lines)


def test_whose_drawings_are_shown_is_said_in_the_board_and_on_the_picture():
    drawn = made(products(NAMES["english"], 6, 1, pictured=False), 3)
    assert [credit.licence for credit in drawn.credits] == ["CC BY-SA 4.0"]
    assert "OpenMoji, CC BY-SA 4.0" in draw(drawn, {})
    assert made(products(NAMES["german"][:1], 1, 1, pictured=False), 1).credits == ()


def test_names_in_markup_stay_text_in_the_drawing():
    board = made(products(NAMES["odd"], 6, 1, pictured=False), 3)
    assert "<script" not in draw(board, {})


@pytest.mark.parametrize("size", [14.0, 30.0])
def test_no_line_is_wider_than_its_room(size):
    for name in NAMES["english"] + NAMES["german"][2:]:
        lines = wrap(name, Face.TEXT, size, 160, "de") or []
        assert all(width(line, Face.TEXT, size) <= 160 for line in lines)


def test_a_long_german_word_is_broken_at_its_syllables():
    fitted = fit([NAMES["german"][1]], Face.STRONG, (16, 14), 150, lambda _: 4, language="de")
    assert fitted is not None
    assert fitted.whole
    assert "".join(line.rstrip("-") for line in fitted.lines) == NAMES["german"][1]


def test_text_that_never_fits_loses_words_and_no_letters():
    fitted = fit(["one two three four five six"], Face.TEXT, (14,), 60, lambda _: 1)
    assert fitted is not None
    assert not fitted.whole
    assert fitted.lines[0].rstrip("…") in {"one", "one two"}


def test_each_letter_is_set_in_a_face_that_has_it():
    assert [run.cut.family for run in runs("Milch حليب", Face.TEXT)] == ["DM Sans", "Noto Sans Arabic"]
    assert is_rtl("حليب 2")
    assert presentable("a\u202eb\n c") == "a b c"


def test_the_palette_comes_from_the_pictures():
    red = np.tile([0.78, 0.15, 0.12], (300, 1)) + np.linspace(0, 0.05, 300)[:, None]
    green = np.tile([0.25, 0.55, 0.2], (300, 1)) + np.linspace(0, 0.05, 300)[:, None]
    palette = from_pictures([red, green])
    assert palette is not None
    assert palette == from_pictures([red, green])
    channels = int(palette.accent[1:3], 16), int(palette.accent[3:5], 16)
    assert channels[0] > 2 * channels[1]


def test_pictures_without_colour_leave_the_palette_to_the_curated_ones():
    assert from_pictures([np.full((500, 3), 0.5)]) is None
    assert from_pictures([]) is None


@given(st.integers(0, 0xFFFFFF))
def test_text_is_legible_on_any_ground(number):
    ground = f"#{number:06x}"
    assert contrast(ground, legible(ground, "#777777")) >= MINIMUM_CONTRAST


def test_the_curated_palettes_hold_the_contrast_of_ink_on_paper():
    for interest in ("fruit", "milk", "candy", "bread", "drink", "meat", "pet"):
        palette = curated([interest], "u")
        assert contrast(palette.paper, palette.deep) >= 7


def test_a_section_is_cut_into_tiles_that_fill_it():
    for count in range(1, 7):
        tiles = mosaic(Box(x=0, y=0, w=880, h=640), count)
        assert tiles is not None
        assert len(tiles) == count
        assert not [pair for pair in combinations(tiles, 2) if pair[0].overlaps(pair[1])]


def test_a_board_with_nothing_to_show_is_still_whole():
    insight, recommendation = known([], 0)
    commission = Commission("b1", "u", "d1", "wide", datetime.fromtimestamp(AT / 1000, UTC))
    board = compose_board(curate(insight, recommendation, "wide"), {}, curated((), "u"), commission)
    assert flaws(board) == []
    assert [tile.role for tile in board.tiles if tile.picture] == ["hero"]


@pytest.mark.parametrize("layout", GRIDS)
def test_where_there_is_nothing_to_show_the_picture_takes_the_whole_width(layout):
    grid, page = GRIDS[layout], template(layout, 0)
    assert grid.box(page.hero).w == grid.width - 2 * grid.margin_x
    parts = [grid.box(cells) for cells in (page.title, page.hero, page.swatches)]
    assert not [pair for pair in combinations(parts, 2) if pair[0].overlaps(pair[1])]


def test_two_products_of_one_name_are_shown_once():
    tea = products(["Tea"], 8, 1, pictured=False)
    board = made([structs.replace(item, name=f"Tea {number % 2}") for number, item in enumerate(tea)], 6)
    names = [tile.product.name for tile in board.tiles if tile.product]
    assert len(names) == len(set(names)) == 2
