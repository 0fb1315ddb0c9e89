"""Type: the board's faces, and text measured and broken into lines with the very files that it is drawn with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import groupby
from threading import Lock

import fontpkg
import pyphen
from fontTools.ttLib import TTFont
from PIL import ImageFont

_UNITS = 1000  # faces are measured at this size and scaled, so that no hinting rounds the advances
_SAFETY = 1.01  # room for the renderer's own rounding
_MEASURING = Lock()  # a FreeType face is not to be used from two threads at once


class Face(StrEnum):
    """The board's voices: a display serif, upright and italic, and a sans for what is read small."""

    DISPLAY = "display"
    ITALIC = "italic"
    HEADING = "heading"
    TEXT = "text"
    STRONG = "strong"


@dataclass(frozen=True)
class Cut:
    """One cut of a variable family: its weight, its optical size, italic or not."""

    family: str
    weight: int
    optical: float = 14.0
    italic: bool = False


CUTS = {
    Face.DISPLAY: Cut("Fraunces", 380, 144),
    Face.ITALIC: Cut("Fraunces", 340, 100, italic=True),
    Face.HEADING: Cut("Fraunces", 480, 30),
    Face.TEXT: Cut("DM Sans", 400, 14),
    Face.STRONG: Cut("DM Sans", 620, 14),
}
_FALLBACKS = ("Noto Sans", "Noto Sans Arabic")


@dataclass(frozen=True)
class Run:
    """Letters that one cut can draw."""

    text: str
    cut: Cut


@dataclass(frozen=True)
class Fitted:
    """Text that fits: its lines, at this size (px); `whole` says that no word had to go."""

    lines: tuple[str, ...]
    size: float
    whole: bool = True


@cache
def _font(cut: Cut) -> ImageFont.FreeTypeFont:
    path = fontpkg.path(cut.family, cut.weight, "italic" if cut.italic else "normal", nearest=True)
    font = ImageFont.truetype(str(path), _UNITS)
    wanted: dict[str, float] = {"Weight": cut.weight, "Optical Size": cut.optical, "Wonky": 0, "Softness": 0}
    axes = font.get_variation_axes()
    names = [axis["name"].decode() if isinstance(axis["name"], bytes) else str(axis["name"]) for axis in axes]
    font.set_variation_by_axes([wanted.get(n, float(a["default"] or 0)) for n, a in zip(names, axes, strict=True)])
    return font


@cache
def font_files() -> tuple[str, ...]:
    """Return the files of every face; the renderer loads these and no others."""
    cuts = {(cut.family, cut.italic) for cut in CUTS.values()} | {(family, False) for family in _FALLBACKS}
    return tuple(
        sorted(
            str(fontpkg.path(family, 400, "italic" if italic else "normal", nearest=True)) for family, italic in cuts
        )
    )


@cache
def _coverage(family: str) -> frozenset[int]:
    with TTFont(str(fontpkg.path(family, 400, "normal", nearest=True)), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _cut_for(character: str, wanted: Cut) -> Cut:
    for family in (wanted.family, *_FALLBACKS):
        if ord(character) in _coverage(family):
            return wanted if family == wanted.family else Cut(family, wanted.weight)
    return wanted


def presentable(text: str) -> str:
    """Return text without control characters and with single spaces: what may be set in a line."""
    spaced = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFC", text))
    return " ".join(spaced.split())


@lru_cache(maxsize=4096)
def runs(text: str, face: Face) -> tuple[Run, ...]:
    """Split text by the cut that can draw it; spaces and marks stay with the letters before them."""
    cuts: list[Cut] = []
    for character in text:
        neutral = character.isspace() or unicodedata.combining(character)
        cuts.append(cuts[-1] if neutral and cuts else _cut_for(character, CUTS[face]))
    grouped = groupby(zip(text, cuts, strict=True), key=lambda pair: pair[1])
    return tuple(Run("".join(c for c, _ in pairs), cut) for cut, pairs in grouped)


@lru_cache(maxsize=16384)
def _advance(text: str, face: Face) -> float:
    with _MEASURING:
        return sum(_font(run.cut).getlength(run.text) for run in runs(text, face))


def advance(text: str, face: Face, size: float) -> float:
    """Return how far (px) the text reaches at a size."""
    return _advance(text, face) * size / _UNITS


def width(text: str, face: Face, size: float) -> float:
    """Return how much room (px) the text asks for at a size: its advance and a hair of safety."""
    return advance(text, face, size) * _SAFETY


def warm() -> None:
    """Load every face now, so that the first board does not wait for them."""
    for face in Face:
        width("Aa \u0627 \u044f", face, 12)


def is_rtl(text: str) -> bool:
    """Say whether most of the text's letters run from right to left."""
    directions = [unicodedata.bidirectional(c) for c in text]
    rtl = sum(d in {"R", "AL"} for d in directions)
    return rtl > sum(d == "L" for d in directions)


@cache
def _hyphenator(language: str) -> pyphen.Pyphen:
    return pyphen.Pyphen(lang=pyphen.language_fallback(language) or "en_US", left=3, right=3)


def _hyphenated(word: str, face: Face, size: float, room: float, language: str) -> list[str] | None:
    """Break one word that is wider than a line at its syllables; none if that does not help."""
    pieces: list[str] = []
    rest = word
    while width(rest, face, size) > room:
        heads = [
            head for head, _ in _hyphenator(language).iterate(rest) if width(f"{head.rstrip('-')}-", face, size) <= room
        ]
        if not heads:
            return None
        head = max(heads, key=len)
        pieces.append(head.rstrip("-") + "-")
        rest = rest[len(head) :]
    return [*pieces, rest]


_BREAKS = re.compile(r"(?<=[/–—-])(?=\w)")  # a line may end after a slash or a dash


def _words(text: str) -> list[str]:
    return [part for word in text.split() for part in _BREAKS.sub("\0", word).replace("\0", " \0").split(" ")]


def wrap(text: str, face: Face, size: float, room: float, language: str = "en") -> list[str] | None:
    """Break text into lines no wider than `room`; none if a word cannot be made to fit."""
    lines: list[str] = []
    for part in _words(text):
        glued, word = part.startswith("\0"), part.lstrip("\0")
        joined = f"{lines[-1]}{'' if glued else ' '}{word}" if lines else word
        if lines and width(joined, face, size) <= room:
            lines[-1] = joined
        elif width(word, face, size) <= room:
            lines.append(word)
        else:
            pieces = _hyphenated(word, face, size, room, language)
            if pieces is None:
                return None
            lines.extend(pieces)
    return lines


def fit(
    candidates: Sequence[str],
    face: Face,
    sizes: Sequence[float],
    room: float,
    lines_at: Callable[[float], int],
    *,
    language: str = "en",
) -> Fitted | None:
    """Set the first candidate that fits, at the largest size that takes it; `lines_at`: how many lines a size may take.

    When none fits whole, the last one loses words from its end, never letters; none if not even one word fits.
    """
    for text in candidates:
        for size in sizes:
            broken = wrap(text, face, size, room, language)
            if broken and len(broken) <= lines_at(size):
                return Fitted(tuple(balanced(broken, face, size, room)), size)
    return _shortened(candidates[-1], face, sizes[-1], room, lines_at, language=language) if candidates else None


def _shortened(
    text: str, face: Face, size: float, room: float, lines_at: Callable[[float], int], *, language: str
) -> Fitted | None:
    words = text.split()
    for count in range(len(words) - 1, 0, -1):
        shorter = " ".join(words[:count]).rstrip(",;:–-&") + "…"
        broken = wrap(shorter, face, size, room, language)
        if broken and len(broken) <= lines_at(size):
            return Fitted(tuple(broken), size, whole=False)
    return None


def balanced(lines: Sequence[str], face: Face, size: float, room: float) -> list[str]:
    """Return the same words in as many lines of as even a width as can be, so that no word is left alone."""
    words = " ".join(lines).split()
    if len(lines) < 2 or any(line.endswith("-") for line in lines):  # noqa: PLR2004 (one line is balanced)
        return list(lines)
    best = list(lines)
    narrow = room
    while narrow > room / 2:
        narrow *= 0.94
        tried = wrap(" ".join(words), face, size, narrow)
        if tried is None or len(tried) > len(lines) or any(line.endswith("-") for line in tried[:-1]):
            break
        best = tried
    return best
