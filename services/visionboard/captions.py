"""Text set into tiles: blocks of lines, stacked on the baseline grid and never past their box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.visionboard.layout import BASELINE
from services.visionboard.model import Box, Line
from services.visionboard.typesetting import CUTS, Face, Fitted, fit, is_rtl, presentable, runs, width

ASCENT = 0.8  # of the size: what Latin letters take above their baseline
DESCENT = 0.26  # … and below
_TALL_ASCENT = 0.98  # other scripts take more
_TALL_DESCENT = 0.46
_TALL_LEADING = 1.45


@dataclass(frozen=True)
class Style:
    """How a block is set: its face, the sizes it may take (largest first), how many lines, and its leading."""

    face: Face
    sizes: tuple[float, ...]
    lines: int
    leading: float = 1.28
    tracking: float = 0.0


@dataclass(frozen=True)
class Ink:
    """What text is printed in, and on."""

    colour: str
    ground: str


@dataclass(frozen=True)
class Block:
    """Text that was fitted, and how it is set."""

    fitted: Fitted
    style: Style

    @property
    def ascent(self) -> float:
        """Return what letters take above their baseline (px)."""
        return self.fitted.size * _measures(self.fitted.lines, self.style)[0]

    @property
    def step(self) -> float:
        """Return the distance between two baselines (px)."""
        return self.fitted.size * _measures(self.fitted.lines, self.style)[2]

    @property
    def height(self) -> float:
        """Return the height (px) from the top of the first line to the foot of the last."""
        ascent, descent, leading = _measures(self.fitted.lines, self.style)
        return self.fitted.size * ((len(self.fitted.lines) - 1) * leading + ascent + descent)


def _measures(texts: Sequence[str], style: Style) -> tuple[float, float, float]:
    """Return ascent, descent and leading, in sizes, for texts in whatever scripts they are."""
    family = CUTS[style.face].family
    if all(run.cut.family == family for text in texts for run in runs(text, style.face)):
        return ASCENT, DESCENT, style.leading
    return _TALL_ASCENT, _TALL_DESCENT, max(style.leading, _TALL_LEADING)


def sizes(largest: float, smallest: float) -> tuple[float, ...]:
    """Return sizes from large to small, each about a fourteenth below the one before."""
    steps = [largest]
    while steps[-1] * 0.93 > smallest:
        steps.append(round(steps[-1] * 0.93, 1))
    return tuple([*steps, smallest] if steps[-1] > smallest else steps)


def block(candidates: Sequence[str], style: Style, box: Box, language: str = "en", height: float = 0) -> Block | None:
    """Fit text into a box's width, and into a height (the box's if not given); none if not even one word fits."""
    texts = [clean for text in candidates if (clean := presentable(text))]
    room = height or box.h

    ascent, descent, leading = _measures(texts, style)

    def lines_at(size: float) -> int:
        return min(style.lines, int((room / size - ascent - descent) / leading + 1.001))

    if not texts or lines_at(style.sizes[-1]) < 1:
        return None
    tracked = box.w - style.tracking * max(map(len, texts))
    fitted = fit(texts, style.face, style.sizes, tracked, lines_at, language=language)
    return Block(fitted, style) if fitted else None


def stacked(blocks: Sequence[Block], gap: float) -> float:
    """Return the height of blocks set one below the other."""
    return sum(block.height for block in blocks) + gap * max(0, len(blocks) - 1)


def snapped(y: float) -> float:
    """Return the nearest line of the baseline grid at or above."""
    return y // BASELINE * BASELINE


def set_down(blocks: Sequence[tuple[Block, Ink]], box: Box, top: float, gap: float, *, rtl: bool) -> list[Line]:
    """Set blocks one below the other from `top` on; lines that read from right to left start at the right."""
    lines: list[Line] = []
    y = top
    for each, ink in blocks:
        for number, text in enumerate(each.fitted.lines):
            baseline = y + each.ascent + number * each.step
            lines.append(_line(text, each, ink, box, baseline, rtl=rtl))
        y += each.height + gap
    return lines


def _line(text: str, each: Block, ink: Ink, box: Box, baseline: float, *, rtl: bool) -> Line:
    length = width(text, each.style.face, each.fitted.size) + each.style.tracking * len(text)
    return Line(
        text=text,
        x=box.right if rtl else box.x,
        y=round(baseline, 1),
        width=round(length, 1),
        size=each.fitted.size,
        face=each.style.face.value,
        colour=ink.colour,
        ground=ink.ground,
        anchor="right" if rtl else "left",
        direction="rtl" if is_rtl(text) else "ltr",
        tracking=each.style.tracking,
    )
