"""A selection becomes a board: the palette, the page, every tile in its place and in reading order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.visionboard import words
from services.visionboard.curate import Chapter, Pick, Selection
from services.visionboard.fittings import heading_tile, masthead_tile, quote_tile, swatch_tiles
from services.visionboard.layout import GRIDS, SCALES, heading, mirrored, mosaic, template, under_heading
from services.visionboard.model import Board, Box, Face, LayoutName, Role, Section, Swatch, Tile
from services.visionboard.palette import Palette, colour_name
from services.visionboard.pictograms import CREDIT, pictogram_for
from services.visionboard.sheet import Photo, Sheet
from services.visionboard.tiles import Spot, hero_tile, product_tile, waiting_tile
from services.visionboard.typesetting import is_rtl

FONTS = (Face(role="display", family="Fraunces"), Face(role="text", family="DM Sans"))

_A_REAL_YEAR = 2000  # a shop without any event has no present yet


@dataclass(frozen=True)
class Commission:
    """Who a board is for, and how it was asked for."""

    board_id: str
    user_id: str
    decision_id: str
    layout: LayoutName
    at: datetime
    language: str = "en"
    fallback: str | None = None
    fallback_reason: str | None = None


@dataclass(frozen=True)
class Page:
    """The page in hand: its sheet, its photos, and how boxes are placed on it."""

    sheet: Sheet
    photos: Mapping[str, Photo]

    def place(self, box: Box) -> Box:
        """Return the box where it stands, on a page read from either side."""
        return mirrored(box, self.sheet.width) if self.sheet.rtl else box

    def photo(self, pick: Pick) -> Photo | None:
        """Return the product's photo, if there is one."""
        return self.photos.get(pick.product.image_url or "")


def compose_board(selection: Selection, photos: Mapping[str, Photo], palette: Palette, commission: Commission) -> Board:
    """Arrange a selection on a page. The same arguments give the same board."""
    grid = GRIDS[commission.layout]
    rtl = _reads_rtl(selection)
    page = Page(Sheet(palette, SCALES[commission.layout], commission.language, rtl, grid.width), photos)
    frame = template(commission.layout, len(selection.chapters))
    tiles = [_masthead(selection, commission, page, page.place(grid.box(frame.title)))]
    if selection.hero:
        tiles.append(_hero(selection.hero, selection, page, page.place(grid.box(frame.hero))))
    else:
        tiles.append(waiting_tile(page.place(grid.box(frame.hero)), page.sheet))
    sections = []
    for number, (chapter, cells) in enumerate(zip(selection.chapters, frame.sections, strict=True)):
        made = _section(number, chapter, grid.box(cells), page)
        indexes = tuple(range(len(tiles), len(tiles) + len(made)))
        sections.append(_told(chapter, page.place(grid.box(cells)), indexes))
        tiles += made
    if selection.quote:
        tiles.append(quote_tile(selection.quote, page.place(grid.box(frame.quote)), page.sheet))
    tiles += swatch_tiles(page.place(grid.box(frame.swatches)), page.sheet)
    ordered = tuple(tile.model_copy(update={"order": order}) for order, tile in enumerate(tiles))
    return _board(commission, page.sheet, selection, sections, ordered)


def _board(
    commission: Commission, sheet: Sheet, selection: Selection, sections: Sequence[Section], tiles: tuple[Tile, ...]
) -> Board:
    grid = GRIDS[commission.layout]
    drawn = any(tile.picture and tile.picture.pictogram for tile in tiles)
    title = tiles[0].alt
    return Board.model_validate(
        {
            "board_id": commission.board_id,
            "user_id": commission.user_id,
            "decision_id": commission.decision_id,
            "layout": commission.layout,
            "width": grid.width,
            "height": grid.height,
            "direction": "rtl" if sheet.rtl else "ltr",
            "title": title,
            "subtitle": _subtitle(selection),
            "alt": words.board_alt(title, len(selection.picks), [chapter.interest for chapter in selection.chapters]),
            "fallback": commission.fallback,
            "fallback_reason": commission.fallback_reason,
            "at": commission.at.isoformat(),
            "palette": [Swatch.model_validate(swatch) for swatch in _swatches(sheet.palette)],
            "fonts": FONTS,
            "sections": tuple(sections),
            "tiles": tiles,
            "credits": (CREDIT,) if drawn else (),
        }
    )


def _swatches(palette: Palette) -> list[dict[str, str]]:
    return [{"role": role, "colour": colour, "name": colour_name(colour)} for role, colour in palette.roles]


def _reads_rtl(selection: Selection) -> bool:
    names = [words.product_name(pick.product) for pick in selection.picks]
    return sum(map(is_rtl, names)) * 2 > len(names)


def _subtitle(selection: Selection) -> str:
    new = sum(pick.slate == "discover" for pick in selection.picks)
    return words.subtitle(len(selection.picks) - new, new)


def _masthead(selection: Selection, commission: Commission, page: Page, box: Box) -> Tile:
    known = commission.at.year >= _A_REAL_YEAR
    over = f"Vision board — {words.month(commission.at)}" if known else "Vision board"
    return masthead_tile(words.titles(selection.interests), _subtitle(selection), over, box, page.sheet)


def _told(chapter: Chapter, box: Box, tiles: tuple[int, ...]) -> Section:
    return Section(interest=chapter.interest, weight=chapter.weight, why=chapter.why, box=box, tiles=tiles)


def _hero(pick: Pick, selection: Selection, page: Page, box: Box) -> Tile:
    """Return the hero with the drawings of the board's next strongest products, when it is drawn itself."""
    strongest = sorted(selection.picks, key=lambda other: -other.weight)
    drawings = map(_drawing, strongest)
    return hero_tile(pick, page.photo(pick), [code for code in drawings if code], box, page.sheet)


def _drawing(pick: Pick) -> str | None:
    return pictogram_for(words.product_name(pick.product), [*pick.product.categories, *pick.product.tags])


def _section(number: int, chapter: Chapter, box: Box, page: Page) -> list[Tile]:
    """Return a section's heading and its tiles, the strongest product in the largest one."""
    scale = page.sheet.scale
    new = sum(pick.slate == "discover" for pick in chapter.picks)
    head = heading_tile(chapter.interest, f"{new} new" if new else "", page.place(heading(box, scale)), page.sheet)
    boxes = mosaic(under_heading(box, scale), len(chapter.picks), scale) or []
    largest = max((b.w * b.h for b in boxes), default=0)
    grounds = page.sheet.grounds()
    tiles = [head]
    for place, (pick, cell) in enumerate(zip(chapter.picks, boxes, strict=False)):
        code = _drawing(pick)
        seen = sum(tile.picture.pictogram == code for tile in tiles if tile.picture) if code else 0
        role: Role = "feature" if place == 0 and cell.w * cell.h == largest else "product"
        ground = grounds[(number * 2 + place) % len(grounds)]
        tiles.append(product_tile(Spot(pick, page.photo(pick), page.place(cell), ground, role, seen), page.sheet))
    return [tile.model_copy(update={"section": number}) for tile in tiles]
