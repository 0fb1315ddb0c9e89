"""The board as data: what frontends draw, and what the picture is drawn from. Its JSON Schema is published."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Slate = Literal["buy_again", "discover", "interest"]
Role = Literal["hero", "feature", "product", "swatch", "quote", "heading"]
LayoutName = Literal["wide", "square", "story"]


class Part(BaseModel):
    """A part of a board: frozen, nothing beside its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Box(Part):
    """A rectangle in px on the canvas, from its top left corner."""

    x: int
    y: int
    w: int = Field(gt=0)
    h: int = Field(gt=0)

    @property
    def right(self) -> int:
        """The first column past the box."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """The first row past the box."""
        return self.y + self.h

    def overlaps(self, other: Box) -> bool:
        """Say whether the two share any pixel."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def holds(self, other: Box) -> bool:
        """Say whether the other lies wholly within."""
        inside = self.x <= other.x and other.right <= self.right
        return inside and self.y <= other.y and other.bottom <= self.bottom

    def inset(self, by: int) -> Box:
        """Return the box without a border of so many px."""
        return Box(x=self.x + by, y=self.y + by, w=self.w - 2 * by, h=self.h - 2 * by)


class Line(Part):
    """A line of text, no longer than `width` px. (x, y) is the end of its baseline that `anchor` names."""

    text: str
    x: float
    y: float
    width: float
    size: float
    face: Literal["display", "italic", "heading", "text", "strong"]
    colour: str
    ground: str  # what it stands on; their contrast is 4.5:1 or more
    anchor: Literal["left", "right"] = "left"
    direction: Literal["ltr", "rtl"] = "ltr"
    tracking: float = 0.0  # px between letters


class Picture(Part):
    """What a tile shows: a fetched photo, a drawn pictogram, or a monogram when there is neither."""

    kind: Literal["photo", "pictogram", "monogram"]
    box: Box
    object_key: str | None = None  # of a photo, as cached
    source_url: str | None = None
    cutout: bool = False  # a photo on a white ground, to be multiplied with the tile's
    pictogram: str | None = None  # OpenMoji code point
    letters: str | None = None  # of a monogram
    style: Literal["sun", "arch", "pattern", "crop"] = "sun"
    companions: tuple[str, ...] = ()  # pictograms that stand beside the hero's
    shape: str = "#ffffff"  # colour of the shape behind it
    sky: str = "#ffffff"  # colour above the table that the hero stands on
    ink: str = "#000000"


class ProductFacts(Part):
    """The product on a tile."""

    product_id: str
    name: str
    price: Decimal | None = None
    currency: str | None = None
    category: str | None = None
    url: str | None = None


class Tile(Part):
    """One thing on the board. `order` is its place when the board is read aloud, from 0."""

    role: Role
    box: Box
    ground: str
    order: int
    section: int | None = None
    slate: Slate | None = None
    product: ProductFacts | None = None
    reason: str | None = None
    alt: str
    picture: Picture | None = None
    lines: tuple[Line, ...] = ()


class Section(Part):
    """An interest on the board: its weight (the weights sum to 1) and why it is here, in words."""

    interest: str
    weight: float
    why: str
    box: Box
    tiles: tuple[int, ...]  # indexes into the board's tiles


class Swatch(Part):
    """A colour of the palette, its role, and what a printer might call it."""

    role: Literal["paper", "primary", "secondary", "accent", "deep"]
    colour: str
    name: str


class Face(Part):
    """A type face in use."""

    role: Literal["display", "text"]
    family: str


class Credit(Part):
    """Whose work is shown, and under which licence."""

    what: str
    short: str
    by: str
    licence: str
    url: str


class Board(Part):
    """A vision board. The same inputs give the same board, byte for byte."""

    version: Literal[1] = 1
    board_id: str
    user_id: str
    decision_id: str
    layout: LayoutName
    width: int
    height: int
    direction: Literal["ltr", "rtl"]
    title: str
    subtitle: str
    alt: str  # the whole board in a sentence
    fallback: Literal["simple", "popular", "stated-interests"] | None = None
    fallback_reason: str | None = None
    at: str  # the moment whose knowledge it shows, RFC 3339
    palette: tuple[Swatch, ...]
    fonts: tuple[Face, ...]
    sections: tuple[Section, ...]
    tiles: tuple[Tile, ...]
    credits: tuple[Credit, ...] = ()
