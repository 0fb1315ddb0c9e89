"""What every tile of a board shares: the palette, the scale, the direction, and the inks and grounds made from them."""

from __future__ import annotations

from dataclasses import dataclass

from services.visionboard.captions import Ink, Style, sizes
from services.visionboard.palette import Palette, blend, legible, toned
from services.visionboard.typesetting import Face


@dataclass(frozen=True)
class Photo:
    """A fetched picture: where it is cached, its size (px), and whether it is a product on a white ground."""

    object_key: str
    source_url: str
    width: int
    height: int
    cutout: bool


@dataclass(frozen=True)
class Sheet:
    """What every tile of a board shares."""

    palette: Palette
    scale: float
    language: str
    rtl: bool
    width: int

    def sizes(self, largest: float, smallest: float) -> tuple[float, ...]:
        """Return type sizes for this board's scale."""
        return sizes(round(largest * self.scale, 1), round(smallest * self.scale, 1))

    def px(self, length: float) -> int:
        """Return a length at this board's scale."""
        return round(length * self.scale)

    def ink(self, ground: str) -> Ink:
        """Return the board's own ink if it is legible on the ground, else paper."""
        return Ink(legible(ground, self.palette.deep, self.palette.paper), ground)

    def quiet(self, ground: str) -> Ink:
        """Return an ink for what is said in passing: softer, and still legible."""
        strong = self.ink(ground).colour
        return Ink(legible(ground, blend(strong, ground, 0.24), blend(strong, ground, 0.12), strong), ground)

    def grounds(self) -> tuple[str, ...]:
        """Return grounds for tiles, neighbours apart in hue; calm ones, so that what stands on them sings."""
        p = self.palette
        return (
            toned(p.secondary, 0.905, 0.75),
            toned(p.primary, 0.865, 0.8),
            toned(p.accent, 0.875, 0.38),
            toned(p.deep, 0.90, 0.55),
            toned(p.primary, 0.925, 0.45),
            toned(p.secondary, 0.85, 0.95),
        )

    def kicker(self) -> Style:
        """Return how the small capitals over a headline are set: spaced out."""
        return Style(Face.STRONG, self.sizes(12.5, 10), 1, tracking=1.6 * self.scale)
