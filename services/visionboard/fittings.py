"""The tiles that carry no product: masthead, headings, the pull quote, the palette's chips. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.visionboard import words
from services.visionboard.captions import Ink, Style, block, set_down, stacked
from services.visionboard.curate import Pick
from services.visionboard.layout import mirrored_within
from services.visionboard.model import Box, Line, Tile
from services.visionboard.palette import colour_name, legible, toned
from services.visionboard.sheet import Sheet
from services.visionboard.typesetting import Face


def quote_tile(pick: Pick, box: Box, sheet: Sheet) -> Tile:
    """Design the pull quote: why one of the products is here, on the deepest colour."""
    ground = sheet.palette.deep
    inner = box.inset(sheet.px(24))
    name = words.product_name(pick.product)
    foot = block([f"On {each}" for each in words.shorter(name)], Style(Face.STRONG, sheet.sizes(13, 11), 1), inner)
    room = inner.h - (foot.height + sheet.px(14) if foot else 0)
    reasons = [f"“{reason.rstrip('.')}.”" for reason in words.shorter_reason(pick.reason or name)]
    said = block(reasons, Style(Face.ITALIC, sheet.sizes(34, 15), 6, 1.16), inner, sheet.language, room)
    lines: list[Line] = []
    if said:
        lines += set_down([(said, sheet.ink(ground))], inner, inner.y, 0, rtl=sheet.rtl)
    if foot and foot.fitted.whole:
        accent = Ink(legible(ground, toned(sheet.palette.secondary, 0.84), sheet.palette.paper), ground)
        lines += set_down([(foot, accent)], inner, inner.bottom - foot.height, 0, rtl=sheet.rtl)
    return Tile(
        role="quote",
        box=box,
        ground=ground,
        order=0,
        reason=pick.reason or None,
        alt=f"Quote: {pick.reason or name}",
        lines=tuple(lines),
    )


def swatch_tiles(box: Box, sheet: Sheet) -> list[Tile]:
    """Design the palette's five chips, each with its name: side by side, or stacked where the box is tall."""
    count = len(sheet.palette.roles)
    tall = box.h > box.w * 0.7
    tiles = []
    for number, (role, colour) in enumerate(sheet.palette.roles):
        start, end = (round((box.h if tall else box.w) * step / count) for step in (number, number + 1))
        part = {"y": box.y + start, "h": end - start} if tall else {"x": box.x + start, "w": end - start}
        chip = box.model_copy(update=part)
        tiles.append(_swatch(chip, role, colour, sheet))
    return tiles


def _swatch(box: Box, role: str, colour: str, sheet: Sheet) -> Tile:
    inner = box.inset(sheet.px(8))
    name = block([colour_name(colour)], Style(Face.TEXT, sheet.sizes(13, 10), 1), inner, sheet.language)
    lines = []
    if name and name.fitted.whole:
        lines = set_down([(name, sheet.ink(colour))], inner, inner.bottom - name.height, 0, rtl=sheet.rtl)
    return Tile(
        role="swatch",
        box=box,
        ground=colour,
        order=0,
        alt=f"Colour: {colour_name(colour)} ({role})",
        lines=tuple(lines),
    )


def heading_tile(text: str, aside: str, box: Box, sheet: Sheet) -> Tile:
    """Design a section's heading: a rule, the interest's name, and at the far end how much of it is new."""
    ground = sheet.palette.paper
    inner = Box(x=box.x, y=box.y + sheet.px(8), w=box.w, h=box.h - sheet.px(8))
    note = block([aside], Style(Face.TEXT, sheet.sizes(13, 11), 1), inner) if aside else None
    used = round(note.fitted.size * len(aside) * 0.62) + 12 if note else 0
    head = inner.model_copy(update={"w": max(inner.w - used, inner.w // 2)})
    if sheet.rtl:
        head = mirrored_within(head, inner)
    name = block(words.shorter(text), Style(Face.HEADING, sheet.sizes(22, 13), 1, 1.1), head, sheet.language)
    lines = set_down([(name, sheet.ink(ground))], head, inner.y, 0, rtl=sheet.rtl) if name else []
    if note and name:
        far = set_down([(note, sheet.quiet(ground))], inner, 0, 0, rtl=not sheet.rtl)
        lines += [line.model_copy(update={"y": lines[0].y}) for line in far]
    return Tile(role="heading", box=box, ground=ground, order=0, alt=text, lines=tuple(lines))


def masthead_tile(titles: Sequence[str], subtitle: str, over: str, box: Box, sheet: Sheet) -> Tile:
    """Design the masthead: a small line over the title, the title as large as it goes, a sentence under it."""
    ground = sheet.palette.paper
    small = block([over.upper()], sheet.kicker(), box)
    foot = block([subtitle], Style(Face.TEXT, sheet.sizes(19, 13), 2), box, sheet.language)
    taken = sum(each.height + sheet.px(14) for each in (small, foot) if each)
    title_box = box.model_copy(update={"w": round(box.w * 0.97)})
    title = block(titles, Style(Face.DISPLAY, sheet.sizes(104, 26), 3, 1.02), title_box, sheet.language, box.h - taken)
    accent = Ink(legible(ground, sheet.palette.accent, toned(sheet.palette.accent, 0.5), sheet.palette.deep), ground)
    parts = [(small, accent), (title, sheet.ink(ground)), (foot, sheet.quiet(ground))]
    blocks = [(each, ink) for each, ink in parts if each]
    spare = box.h - stacked([each for each, _ in blocks], 0)
    gap = min(sheet.px(30), spare / max(1, len(blocks) - 1))
    lines = set_down(blocks, box, box.y, gap, rtl=sheet.rtl)
    text = " ".join(title.fitted.lines) if title else titles[0]
    return Tile(role="heading", box=box, ground=ground, order=0, alt=text, lines=tuple(lines))
