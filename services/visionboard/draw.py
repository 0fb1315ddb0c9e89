"""A board becomes SVG: the text stays text, photos are embedded, pictograms are printed in the board's inks. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from services.visionboard.layout import SCALES
from services.visionboard.model import Board, Box, Line, Picture, Tile
from services.visionboard.palette import blend, legible
from services.visionboard.pictograms import SIDE, printed
from services.visionboard.render import on_ground
from services.visionboard.typesetting import CUTS, Face, Run, advance, runs

_RADIUS = 5
_UPSCALE = 2.2  # a small photo is not blown up further than this


@dataclass(frozen=True)
class Darkroom:
    """Prints the photos for one drawing: `photos` maps object keys to JPEG, width, height.

    `exact` prints each at the very pixels that it takes, which draws at once but only at the board's own size.
    """

    photos: Mapping[str, tuple[bytes, int, int]]
    exact: bool

    def image(self, key: str, picture: Picture, ground: str) -> str:
        """Return a photo as an SVG image: a cut-out one whole on its ground, any other one filling its box."""
        data, wide, high = self.photos[key]
        box = picture.box
        if not picture.cutout:
            href = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
            return _image(box, href, ' preserveAspectRatio="xMidYMid slice"')
        factor = min(0.92 * box.w / wide, 0.94 * box.h / high, _UPSCALE * max(1.0, box.h / 400))
        w, h = max(1, round(wide * factor)), max(1, round(high * factor))
        place = Box(x=box.x + (box.w - w) // 2, y=box.y + (box.h - h) // 2, w=w, h=h)
        finer = 1.0 if self.exact else min(2.0, max(1.0, wide / w))
        proof = on_ground(data, ground, (round(w * finer), round(h * finer)))
        swift = ' image-rendering="optimizeSpeed"' if self.exact else ""
        return _image(place, f"data:image/png;base64,{base64.b64encode(proof).decode()}", swift)


def _image(box: Box, href: str, more: str) -> str:
    return f'<image x="{box.x}" y="{box.y}" width="{box.w}" height="{box.h}"{more} href="{href}"/>'


def draw(board: Board, photos: Mapping[str, tuple[bytes, int, int]], *, exact: bool = False) -> str:
    """Return the board as a self-contained SVG. `photos`: object key → JPEG, width, height.

    With `exact`, for drawing at the board's own size only, and soon.
    """
    paper = board.palette[0].colour
    scale = SCALES[board.layout]
    darkroom = Darkroom(photos, exact)
    body = "".join(_tile(number, tile, darkroom, scale) for number, tile in enumerate(board.tiles))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{board.width}" height="{board.height}" '
        f'viewBox="0 0 {board.width} {board.height}" role="img"><title>{_text(board.title)}</title>'
        f"<desc>{_text(board.alt)}</desc>"
        f'<rect width="{board.width}" height="{board.height}" fill="{paper}"/>{body}{_credits(board, scale)}</svg>'
    )


def _credits(board: Board, scale: float) -> str:
    """Say in the margin whose drawings these are, as their licence asks."""
    if not board.credits:
        return ""
    said = "; ".join(f"{credit.what}: {credit.short}, {credit.licence}" for credit in board.credits)
    colour = legible(board.palette[0].colour, blend(board.palette[-1].colour, board.palette[0].colour, 0.3), "#000000")
    masthead = board.tiles[0].box
    margin = board.width - masthead.right if board.direction == "rtl" else masthead.x
    at = f'x="{board.width - margin}" y="{board.height - 13 * scale:g}"'
    run = _run(Run(said, CUTS[Face.TEXT]))
    return f'<text {at} text-anchor="end" font-size="{10 * scale:g}" fill="{colour}">{run}</text>'


def _text(text: str) -> str:
    return escape(text, quote=True)


def _tile(number: int, tile: Tile, darkroom: Darkroom, scale: float) -> str:
    radius = 0 if tile.role in {"swatch", "heading"} else _RADIUS * scale
    ground = _ground(tile, radius, scale)
    shown = _picture(number, tile, tile.picture, darkroom) if tile.picture else ""
    lines = "".join(map(_line, tile.lines))
    return f'<g role="img" aria-label="{_text(tile.alt)}">{ground}{shown}{lines}</g>'


def _rect(box: Box, fill: str, radius: float = 0) -> str:
    return f'<rect x="{box.x}" y="{box.y}" width="{box.w}" height="{box.h}" rx="{radius:g}" fill="{fill}"/>'


def _ground(tile: Tile, radius: float, scale: float) -> str:
    if tile.role == "heading":
        return _rule(tile, scale)
    edge = f' stroke="{tile.lines[0].colour}" stroke-opacity="0.25"' if tile.role == "swatch" and tile.lines else ""
    return _rect(tile.box, tile.ground, radius).replace("/>", f"{edge}/>")


def _rule(tile: Tile, scale: float) -> str:
    """A section's heading hangs from a thin rule; the masthead stands free."""
    if tile.section is None or not tile.lines:
        return ""
    thin = max(1.0, 1.25 * scale)
    place = f'x="{tile.box.x}" y="{tile.box.y}" width="{tile.box.w}"'
    return f'<rect {place} height="{thin:g}" fill="{tile.lines[0].colour}"/>'


def _picture(number: int, tile: Tile, picture: Picture, darkroom: Darkroom) -> str:
    if picture.object_key is not None and picture.object_key in darkroom.photos:
        inside = darkroom.image(picture.object_key, picture, tile.ground)
    elif picture.kind == "pictogram" and picture.pictogram:
        inside = _pictogram(picture, picture.pictogram, tile)
    else:
        inside = _monogram(picture)
    clip = f'<clipPath id="c{number}">{_rect(picture.box, "#000", _RADIUS)}</clipPath>'
    return f'{clip}<g clip-path="url(#c{number})">{inside}</g>'


def _pictogram(picture: Picture, code: str, tile: Tile) -> str:
    if picture.style == "pattern":
        return _pattern(picture, code, tile)
    box = picture.box
    side = min(box.w, box.h)
    size = side * (0.86 if tile.role == "hero" else 0.92)
    if picture.companions:
        return _still_life(picture, code, tile)
    x, y = box.x + box.w / 2, box.y + box.h * 0.53
    if picture.style == "crop":
        return _placed(code, tile, box.x + box.w * 0.62, box.y + box.h * 0.60, max(box.w, box.h) * 1.12, angle=-14)
    if picture.style == "arch":
        y = box.bottom - size * 0.44
    return _shape(picture, side) + _placed(code, tile, x, y, size)


def _still_life(picture: Picture, code: str, tile: Tile) -> str:
    """The hero on a table, in front of a low sun, with what it is bought with at its sides."""
    box = picture.box
    side = min(box.w * 0.92, box.h)
    middle, table = box.x + box.w / 2, box.y + box.h * 0.80
    sun = _circle(middle + side * 0.16, box.y + box.h * 0.46, side * 0.37, picture.shape)
    sky = f'<rect x="{box.x}" y="{box.y}" width="{box.w}" height="{table - box.y:.1f}" fill="{picture.sky}"/>'
    cloth = (
        f'<rect x="{box.x}" y="{table:.1f}" width="{box.w}" height="{box.bottom - table:.1f}" fill="{tile.ground}"/>'
    )
    spots = ((-0.37, 0.44), (0.37, 0.40), (-0.16, 0.30))
    around = "".join(
        _standing(companion, tile, middle + dx * side, table + side * 0.035, side * size)
        for companion, (dx, size) in zip(picture.companions, spots, strict=False)
    )
    return sky + sun + cloth + around + _standing(code, tile, middle, table + side * 0.10, side * 0.80)


def _standing(code: str, tile: Tile, x: float, foot: float, size: float) -> str:
    """A drawing whose foot (some seven eighths down its square) stands at a height."""
    return _placed(code, tile, x, foot - size * 0.39, size)


def _placed(code: str, tile: Tile, x: float, y: float, size: float, *, angle: float = 0) -> str:
    factor = size / SIDE
    line = round((1.6 + size / 165) / factor, 2)
    svg = printed(code, tile.ground, tile.picture.ink if tile.picture else "#000000", line)
    turn = f" rotate({angle:g})" if angle else ""
    centred = f"translate({-SIDE / 2:g} {-SIDE / 2:g})"
    return f'<g transform="translate({x:.1f} {y:.1f}){turn} scale({factor:.3f}) {centred}">{svg}</g>'


def _circle(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}"/>'


def _shape(picture: Picture, side: float) -> str:
    box = picture.box
    middle = box.x + box.w / 2
    if picture.style == "sun":
        return _circle(middle, box.y + box.h * 0.53, side * 0.4, picture.shape)
    if picture.style == "arch":
        half = min(side * 0.42, box.w * 0.34)
        top = box.y + side * 0.09 + half
        return (
            f'<path d="M{middle - half:.1f} {box.bottom} V{top:.1f} A{half:.1f} {half:.1f} 0 0 1 '
            f'{middle + half:.1f} {top:.1f} V{box.bottom} Z" fill="{picture.shape}"/>'
        )
    return ""


def _pattern(picture: Picture, code: str, tile: Tile) -> str:
    """The drawing printed over and over, every other row set between the ones above, as on wrapping paper."""
    box = picture.box
    step = min(box.w, box.h) / 1.9
    rows = int(box.h / step) + 2
    columns = int(box.w / step) + 2
    return "".join(
        _placed(
            code,
            tile,
            box.x + (column + (0.5 if row % 2 else 0.0)) * step,
            box.y + (row + 0.42) * step * 0.86,
            step * 0.86,
            angle=-18 if (row + column) % 2 else 14,
        )
        for row in range(rows)
        for column in range(columns)
    )


def _monogram(picture: Picture) -> str:
    box = picture.box
    side = min(box.w, box.h)
    letters = picture.letters or "·"
    size = side * (0.5 if len(letters) == 1 else 0.36)
    cut = CUTS[Face.ITALIC]
    attributes = f'font-size="{size:.1f}" fill="{picture.ink}" text-anchor="middle"'
    x, y = box.x + box.w / 2, box.y + box.h * 0.53 + size * 0.3
    return _shape(picture, side) + f'<text x="{x:g}" y="{y:.1f}" {attributes}>{_run(Run(letters, cut))}</text>'


def _run(run: Run) -> str:
    cut = run.cut
    generic = "serif" if cut.family == "Fraunces" else "sans-serif"
    style = ' font-style="italic"' if cut.italic else ""
    axes = f"'wght' {cut.weight}" + {
        "Fraunces": f",'opsz' {cut.optical:g},'SOFT' 0,'WONK' 0",
        "DM Sans": f",'opsz' {cut.optical:g}",
    }.get(cut.family, "")
    return (
        f'<tspan font-family="{cut.family}, {generic}" font-weight="{cut.weight}"{style} '
        f'font-variation-settings="{axes}">{_text(run.text)}</tspan>'
    )


def _line(line: Line) -> str:
    """Set a line run by run, each at its own place: renderers that fall back between faces lose the measure."""
    face = Face(line.face)
    parts = list(runs(line.text, face))
    if line.direction == "rtl":
        parts.reverse()
    lengths = [advance(run.text, face, line.size) + line.tracking * len(run.text) for run in parts]
    x = line.x - (sum(lengths) if line.anchor == "right" else 0)
    placed = []
    for run, length in zip(parts, lengths, strict=True):
        placed.append(_set(line, _spaced(run, line), x))
        x += length
    return "".join(placed)


def _spaced(run: Run, line: Line) -> Run:
    """Turn a run's spaces round in a line from right to left: set alone, it would have them at its wrong end."""
    if line.direction == "ltr":
        return run
    text = run.text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return Run(after + text.strip() + before, run.cut)


def _set(line: Line, run: Run, x: float) -> str:
    tracking = f' letter-spacing="{line.tracking:g}"' if line.tracking else ""
    return (
        f'<text x="{x:.1f}" y="{line.y:g}" font-size="{line.size:g}" fill="{line.colour}" '
        f'xml:space="preserve"{tracking}>{_run(run)}</text>'
    )
