"""Tiles, designed one by one: what stands where within each, in which colours. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.visionboard import words
from services.visionboard.captions import Block, Ink, Style, block, set_down, stacked
from services.visionboard.curate import Pick
from services.visionboard.layout import is_flat, mirrored_within
from services.visionboard.model import Box, Line, Picture, ProductFacts, Role, Tile
from services.visionboard.palette import blend, legible, toned
from services.visionboard.pictograms import pictogram_for
from services.visionboard.sheet import Photo, Sheet
from services.visionboard.typesetting import Face

_LARGE = 260  # px; wider tiles may take the display face
_TALL = 500  # px; a lower hero is set in smaller type
_WAITING = ("1F9FA", "1F490", "2615")  # a basket between flowers and coffee
_KICKERS = {"buy_again": "Time to buy again", "discover": "New for you", "interest": "A favourite of yours"}
# A drawing that comes again on the same board is shown in another way.
_STYLES: tuple[Literal["sun", "arch", "pattern", "crop"], ...] = ("sun", "pattern", "crop", "arch")


@dataclass(frozen=True)
class Spot:
    """A product's place on the board: what, where, on which ground; its drawing was seen so often before."""

    pick: Pick
    photo: Photo | None
    box: Box
    ground: str
    role: Role = "product"
    seen: int = 0

    def tile(self, picture: Picture, lines: Sequence[Line]) -> Tile:
        """Return the spot's tile, filled."""
        return Tile(
            role=self.role,
            box=self.box,
            ground=self.ground,
            order=0,
            slate=self.pick.slate,
            product=_facts(self.pick),
            reason=self.pick.reason or None,
            alt=words.product_alt(words.product_name(self.pick.product), self.pick.interest, drawn=self.photo is None),
            picture=picture,
            lines=tuple(lines),
        )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _facts(pick: Pick) -> ProductFacts:
    product = pick.product
    return ProductFacts(
        product_id=product.product_id,
        name=words.product_name(product),
        price=product.price,
        currency=product.currency,
        category=pick.interest,
        url=product.url,
    )


def picture(spot: Spot, box: Box, sheet: Sheet) -> Picture:
    """Return what a product's tile shows: its photo, else a drawing, else its initials; never a hole."""
    ink = toned(sheet.palette.deep, 0.24, 0.8)
    pick, photo, ground, seen = spot.pick, spot.photo, spot.ground, spot.seen
    if photo:
        return Picture(
            kind="photo",
            box=box,
            object_key=photo.object_key,
            source_url=photo.source_url,
            cutout=photo.cutout,
            ink=ink,
        )
    name = words.product_name(pick.product)
    code = pictogram_for(name, [*pick.product.categories, *pick.product.tags])
    style = _STYLES[seen % len(_STYLES)] if seen or _number(name) % 3 else "arch"
    shape = blend(ground, (sheet.palette.paper, sheet.palette.accent)[_number(name) % 2], 0.5 if code else 0.4)
    return Picture(
        kind="pictogram" if code else "monogram",
        box=box,
        pictogram=code,
        letters=None if code else words.monogram(name),
        style=style,
        shape=shape,
        ink=ink if code else legible(shape, sheet.palette.deep, sheet.palette.paper),
    )


def product_tile(spot: Spot, sheet: Sheet) -> Tile:
    """Design a product's tile: its picture, and under it (or beside it, where the tile is flat) its caption."""
    box = spot.box
    if is_flat(box, sheet.scale):
        return _flat(spot, sheet)
    inner = box.inset(sheet.px(14))
    large = spot.role == "feature" and box.w > _LARGE * sheet.scale
    blocks = _caption(spot, inner, sheet, inner.h * 0.46, large=large)
    top = inner.bottom - stacked([each for each, _ in blocks], sheet.px(3))
    shown = Box(x=box.x, y=box.y, w=box.w, h=max(1, int(top - sheet.px(10)) - box.y))
    return spot.tile(picture(spot, shown, sheet), set_down(blocks, inner, top, sheet.px(3), rtl=sheet.rtl))


def _flat(spot: Spot, sheet: Sheet) -> Tile:
    box = spot.box
    side = min(box.h, round(box.w * 0.44))
    shown = Box(x=box.x, y=box.y, w=side, h=box.h)
    pad = sheet.px(14)
    text = Box(x=box.x + side + pad, y=box.y + pad, w=box.w - side - 2 * pad, h=box.h - 2 * pad)
    if sheet.rtl:
        shown, text = (mirrored_within(part, box) for part in (shown, text))
    blocks = _caption(spot, text, sheet, text.h, large=box.h > _LARGE * 0.85 * sheet.scale)
    top = text.y + (text.h - stacked([each for each, _ in blocks], sheet.px(3))) / 2
    return spot.tile(picture(spot, shown, sheet), set_down(blocks, text, top, sheet.px(3), rtl=sheet.rtl))


def _caption(spot: Spot, box: Box, sheet: Sheet, room: float, *, large: bool) -> list[tuple[Block, Ink]]:
    """Fit the name, then the reason and the price as far as there is room; each is whole or shorter, never cut."""
    pick, ground = spot.pick, spot.ground
    face = Face.HEADING if large else Face.STRONG
    name_style = Style(face, sheet.sizes(24 if large else 16, 12), 3, 1.14 if large else 1.22)
    names = words.shorter(words.product_name(pick.product))
    name = block(names, name_style, box, sheet.language, room)
    parts = [(name, sheet.ink(ground))] if name else []
    price = words.price(pick.product)
    reason_style = Style(Face.TEXT, sheet.sizes(15 if large else 13, 12), 4 if large else 3, 1.26)
    for texts, style in (
        (words.shorter_reason(pick.reason), reason_style),
        ([price] if price else [], Style(Face.TEXT, sheet.sizes(13, 12), 1)),
    ):
        left = room - stacked([each for each, _ in parts], sheet.px(3)) - sheet.px(3)
        extra = block(texts, style, box, sheet.language, left) if texts and left > 0 else None
        if extra and extra.fitted.whole:
            parts.append((extra, sheet.quiet(ground)))
    return parts


def hero_tile(pick: Pick, photo: Photo | None, companions: Sequence[str], box: Box, sheet: Sheet) -> Tile:
    """Design the hero: one product, large, and in words why it leads; drawn, it stands among its companions."""
    ground = toned(sheet.palette.primary, 0.90, 0.6) if photo else toned(sheet.palette.primary, 0.78, 0.95)
    spot = Spot(pick, photo, box, ground, "hero")
    inner = box.inset(sheet.px(32))
    strong, quiet = sheet.ink(ground), sheet.quiet(ground)
    parts = [
        (block([_KICKERS[pick.slate].upper()], sheet.kicker(), inner), quiet),
        (_hero_name(pick, inner, sheet), strong),
        (_hero_reason(pick, inner, sheet), quiet),
    ]
    blocks = [(each, ink) for each, ink in parts if each]
    gap = sheet.px(10)
    top = inner.bottom - stacked([each for each, _ in blocks], gap)
    shown = picture(spot, Box(x=box.x, y=box.y, w=box.w, h=max(1, int(top - sheet.px(18)) - box.y)), sheet)
    return spot.tile(_hero_picture(shown, companions, sheet), set_down(blocks, inner, top, gap, rtl=sheet.rtl))


def waiting_tile(box: Box, sheet: Sheet) -> Tile:
    """Design what stands where there is nothing to show yet: a set table."""
    ground = toned(sheet.palette.primary, 0.78, 0.95)
    ink = toned(sheet.palette.deep, 0.24, 0.8)
    bare = Picture(kind="pictogram", box=box, pictogram=_WAITING[0], ink=ink)
    return Tile(
        role="hero",
        box=box,
        ground=ground,
        order=0,
        alt="Drawing of a basket, waiting to be filled",
        picture=_hero_picture(bare, _WAITING[1:], sheet),
    )


def _hero_picture(shown: Picture, companions: Sequence[str], sheet: Sheet) -> Picture:
    if shown.kind != "pictogram":
        return shown
    beside = tuple(code for code in dict.fromkeys(companions) if code != shown.pictogram)[:2]
    sun, sky = toned(sheet.palette.secondary, 0.90), toned(sheet.palette.primary, 0.88, 0.7)
    return shown.model_copy(update={"companions": beside, "shape": sun, "sky": sky})


def _hero_name(pick: Pick, box: Box, sheet: Sheet) -> Block | None:
    names = [words.headline(words.product_name(pick.product))]
    low = box.h < _TALL * sheet.scale  # there the picture needs the room
    style = Style(Face.DISPLAY, sheet.sizes(46 if low else 62, 22), 3, 1.04)
    return block(names, style, box, sheet.language, box.h * (0.27 if low else 0.34))


def _hero_reason(pick: Pick, box: Box, sheet: Sheet) -> Block | None:
    price = words.price(pick.product)
    reasons = words.shorter_reason(pick.reason) if pick.reason else []
    texts = [f"{reason.rstrip('.')} · {price}" for reason in reasons] + reasons if price else reasons
    return block(texts, Style(Face.TEXT, sheet.sizes(18, 14), 3, 1.36), box, sheet.language, box.h * 0.2)
