"""Where things go: pure geometry on one grid per layout, so that margins and gutters repeat and nothing can overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from services.visionboard.model import Box, LayoutName

GUTTER = 16
BASELINE = 4
# How much larger text, and what depends on it, is set than on the wide board: a story is looked at on a phone.
SCALES: dict[LayoutName, float] = {"wide": 1.0, "square": 1.1, "story": 1.5}
_HEADING = 44  # height of a section's heading, its space below included
_LEAST_TALL = (148, 148)  # the smallest tile with its caption under the picture
_LEAST_FLAT = (208, 108)  # the smallest tile with its caption beside the picture
_COMFORT = 40_000  # px² that a tile wants


@dataclass(frozen=True)
class Cells:
    """A stretch of the grid: first column and row, and how many of each."""

    column: int
    row: int
    columns: int
    rows: int


@dataclass(frozen=True)
class Grid:
    """A canvas with margins, cut into equal columns and rows that stand a gutter apart."""

    width: int
    height: int
    margin_x: int
    margin_y: int
    columns: int
    rows: int

    def box(self, cells: Cells) -> Box:
        """Return the pixels of a stretch of the grid."""
        step_x = (self.width - 2 * self.margin_x + GUTTER) / self.columns
        step_y = (self.height - 2 * self.margin_y + GUTTER) / self.rows
        left = round(self.margin_x + cells.column * step_x)
        top = round(self.margin_y + cells.row * step_y)
        right = round(self.margin_x + (cells.column + cells.columns) * step_x) - GUTTER
        bottom = round(self.margin_y + (cells.row + cells.rows) * step_y) - GUTTER
        return Box(x=left, y=top, w=right - left, h=bottom - top)


@dataclass(frozen=True)
class Template:
    """A page: where the masthead, the hero, the quote, the swatches and each section stand."""

    title: Cells
    hero: Cells
    quote: Cells
    swatches: Cells
    sections: tuple[Cells, ...]


GRIDS: dict[LayoutName, Grid] = {
    "wide": Grid(1600, 1000, 40, 40, 12, 12),
    "square": Grid(1200, 1200, 32, 32, 12, 12),
    "story": Grid(1080, 1920, 44, 48, 12, 20),
}

_WIDE_SECTIONS: dict[int, tuple[Cells, ...]] = {
    1: (Cells(5, 3, 7, 9),),
    2: (Cells(5, 3, 4, 9), Cells(9, 3, 3, 9)),
    3: (Cells(5, 3, 4, 5), Cells(9, 3, 3, 9), Cells(5, 8, 4, 4)),
    4: (Cells(5, 3, 4, 5), Cells(9, 3, 3, 4), Cells(9, 7, 3, 5), Cells(5, 8, 4, 4)),
    5: (Cells(5, 3, 4, 5), Cells(9, 3, 3, 4), Cells(9, 7, 3, 5), Cells(5, 8, 2, 4), Cells(7, 8, 2, 4)),
}
_SQUARE_SECTIONS: dict[int, tuple[Cells, ...]] = {
    1: (Cells(6, 3, 6, 9),),
    2: (Cells(6, 3, 6, 5), Cells(0, 8, 12, 4)),
    3: (Cells(6, 3, 6, 5), Cells(0, 8, 7, 4), Cells(7, 8, 5, 4)),
    4: (Cells(6, 3, 6, 5), Cells(0, 8, 5, 4), Cells(5, 8, 4, 4), Cells(9, 8, 3, 4)),
    5: (Cells(6, 3, 6, 5), Cells(0, 8, 4, 4), Cells(4, 8, 3, 4), Cells(7, 8, 3, 4), Cells(10, 8, 2, 4)),
}
_STORY_SECTIONS: dict[int, tuple[Cells, ...]] = {
    1: (Cells(0, 10, 12, 10),),
    2: (Cells(0, 10, 12, 6), Cells(0, 16, 12, 4)),
    3: (Cells(0, 10, 12, 4), Cells(0, 14, 6, 6), Cells(6, 14, 6, 6)),
    4: (Cells(0, 10, 12, 4), Cells(0, 14, 7, 3), Cells(7, 14, 5, 6), Cells(0, 17, 7, 3)),
    5: (Cells(0, 10, 12, 3), Cells(0, 13, 7, 4), Cells(7, 13, 5, 3), Cells(7, 16, 5, 4), Cells(0, 17, 7, 3)),
}
MAX_SECTIONS: dict[LayoutName, int] = {"wide": 5, "square": 4, "story": 5}


def template(layout: LayoutName, sections: int) -> Template:
    """Return the page for so many sections (0 to 5); without any the hero takes their place."""
    match layout:
        case "wide":
            hero = Cells(0, 3, 5, 9) if sections else Cells(0, 3, 12, 9)
            frame = (Cells(0, 0, 7, 3), hero, Cells(7, 0, 3, 3), Cells(10, 0, 2, 3))
            return Template(*frame, _WIDE_SECTIONS.get(sections, ()))
        case "square":
            hero = Cells(0, 3, 6, 9 if sections == 1 else 5) if sections else Cells(0, 3, 12, 9)
            frame = (Cells(0, 0, 8, 3), hero, Cells(8, 0, 4, 2), Cells(8, 2, 4, 1))
            return Template(*frame, _SQUARE_SECTIONS.get(sections, ()))
        case "story":
            if not sections:
                return Template(Cells(0, 0, 12, 3), Cells(0, 3, 12, 15), Cells(0, 18, 6, 2), Cells(6, 18, 6, 2), ())
            frame = (Cells(0, 0, 12, 3), Cells(0, 3, 8, 7), Cells(8, 3, 4, 4), Cells(8, 7, 4, 3))
            return Template(*frame, _STORY_SECTIONS[sections])


def is_flat(box: Box, scale: float = 1.0) -> bool:
    """Say whether a tile is so flat that its caption goes beside its picture."""
    return box.w >= _LEAST_FLAT[0] * scale and box.w > 1.45 * box.h


def _fits(box: Box, scale: float) -> bool:
    tall = box.w >= _LEAST_TALL[0] * scale and box.h >= _LEAST_TALL[1] * scale
    return tall or (is_flat(box, scale) and box.h >= _LEAST_FLAT[1] * scale)


def _badness(box: Box) -> float:
    """Tall tiles like 4:5, flat ones 2:1; what strays from both looks squeezed."""
    ratio = box.w / box.h
    return min(abs(ratio - 0.8), abs(ratio - 1.0), abs(ratio - 2.0) * 0.8)


def split(box: Box, share: float, *, across: bool) -> tuple[Box, Box] | None:
    """Cut a box in two, a gutter apart, on the baseline grid; none if there is no room for both."""
    length = (box.w if across else box.h) - GUTTER
    first = round(length * share / BASELINE) * BASELINE
    if first <= 0 or length - first <= 0:
        return None
    if across:
        rest = Box(x=box.x + first + GUTTER, y=box.y, w=length - first, h=box.h)
        return box.model_copy(update={"w": first}), rest
    return box.model_copy(update={"h": first}), Box(x=box.x, y=box.y + first + GUTTER, w=box.w, h=length - first)


def mosaic(box: Box, count: int, scale: float = 1.0) -> list[Box] | None:
    """Cut a box into so many tiles, the first the largest; none if they would be too small to read.

    Tries every way to halve and halve again (the tiles shared out by area) and keeps the one with the best proportions.
    """
    if count == 1:
        return [box] if _fits(box, scale) else None
    best: tuple[float, list[Box]] | None = None
    for across in (True, False):
        for head in range(1, count // 2 + 1):
            for lean in (1.0, 1.35):
                tiles = _halved(box, (head, count), lean, scale, across=across)
                if tiles is None:
                    continue
                cost = sum(map(_badness, tiles)) / count + (0.15 if _smaller_first(tiles) else 0.0)
                if best is None or cost < best[0] - 1e-9:
                    best = (cost, tiles)
    return best[1] if best else None


def _halved(box: Box, counts: tuple[int, int], lean: float, scale: float, *, across: bool) -> list[Box] | None:
    head, count = counts
    parts = split(box, min(0.7, head * lean / count), across=across)
    if parts is None:
        return None
    first, second = mosaic(parts[0], head, scale), mosaic(parts[1], count - head, scale)
    return [*first, *second] if first and second else None


def _smaller_first(tiles: Sequence[Box]) -> bool:
    return tiles[0].w * tiles[0].h < max(tile.w * tile.h for tile in tiles)


@cache
def room(box: Box, scale: float = 1.0) -> int:
    """Return how many tiles a section's box can hold below its heading with room to breathe, at most 6."""
    below = under_heading(box, scale)
    most = min(6, max(1, int(below.w * below.h / (_COMFORT * scale))))
    return max((count for count in range(1, most + 1) if mosaic(below, count, scale)), default=0)


def heading(box: Box, scale: float = 1.0) -> Box:
    """Return the heading's part of a section's box."""
    return box.model_copy(update={"h": round(_HEADING * scale) - 8})


def under_heading(box: Box, scale: float = 1.0) -> Box:
    """Return what is left of a section's box below its heading."""
    high = round(_HEADING * scale)
    return Box(x=box.x, y=box.y + high, w=box.w, h=box.h - high)


def mirrored(box: Box, width: int) -> Box:
    """Return the box as it stands on a page that is read from right to left."""
    return box.model_copy(update={"x": width - box.right})


def mirrored_within(part: Box, box: Box) -> Box:
    """Return the part as it stands in a box that is mirrored."""
    return part.model_copy(update={"x": box.x + box.right - part.right})
