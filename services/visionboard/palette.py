"""A board's five colours: clustered from its pictures in a perceptual space, or chosen from curated sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MINIMUM_CONTRAST = 4.5
_ASSETS = Path(__file__).parent / "assets"
_CLUSTERS = 8
_DARKEST, _LIGHTEST = 0.12, 0.96  # beyond lie shadows and the white grounds of packshots, which are no colours
_VIVID = 0.04  # chroma; below it everything is grey
Floats = NDArray[np.float64]

# The two matrices of OKLab (Ottosson 2020): linear sRGB to cone response, and cone response to lightness and opponents.
_TO_LMS = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """Five colours (`#rrggbb`) with roles: a light paper, a deep ink, and three that carry the mood."""

    paper: str
    deep: str
    primary: str
    secondary: str
    accent: str

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """Return (role, colour) in the order in which swatches are shown."""
        return (
            ("paper", self.paper),
            ("primary", self.primary),
            ("secondary", self.secondary),
            ("accent", self.accent),
            ("deep", self.deep),
        )


def rgb(colour: str) -> Floats:
    """Return a `#rrggbb` (or `#rgb`) colour's channels, 0 to 1."""
    digits = colour.lstrip("#")
    if len(digits) == 3:  # noqa: PLR2004 (the short notation's length)
        digits = "".join(d * 2 for d in digits)
    return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def _linear(srgb: Floats) -> Floats:
    """Undo sRGB's transfer curve (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 (the standard's)


def to_oklab(srgb: Floats) -> Floats:
    """Return OKLab (lightness 0–1, a, b) of sRGB colours in the last axis."""
    return np.asarray(np.cbrt(_linear(srgb) @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: Floats) -> str:
    """Return the `#rrggbb` nearest to an OKLab colour; what lies outside sRGB is clipped."""
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T, 0, 1)
    toe, curve = linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    srgb = np.where(linear <= 0.0031308, toe, curve)  # noqa: PLR2004 (the standard's)
    return "#" + "".join(f"{round(float(channel) * 255):02x}" for channel in srgb)


@cache
def toned(colour: str, lightness: float, chroma: float = 1.0) -> str:
    """Return the colour's hue at another lightness, its chroma scaled."""
    lab = to_oklab(rgb(colour))
    return from_oklab(np.array([lightness, lab[1] * chroma, lab[2] * chroma]))


@cache
def blend(one: str, other: str, share: float) -> str:
    """Return a mixture in OKLab with so large a share (0–1) of the other colour."""
    return from_oklab(to_oklab(rgb(one)) * (1 - share) + to_oklab(rgb(other)) * share)


def lightness(colour: str) -> float:
    """Return a colour's OKLab lightness, 0 to 1."""
    return float(to_oklab(rgb(colour))[0])


def chroma(colour: str) -> float:
    """Return a colour's OKLab chroma, 0 (grey) to about 0.3."""
    lab = to_oklab(rgb(colour))
    return float(np.hypot(lab[1], lab[2]))


def _luminance(colour: str) -> float:
    return float(_linear(rgb(colour)) @ np.array([0.2126, 0.7152, 0.0722]))


@cache
def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@cache
def legible(ground: str, *wanted: str) -> str:
    """Return the first wanted colour that is legible on the ground (4.5:1), else black or white, whichever is more."""
    for colour in wanted:
        if contrast(ground, colour) >= MINIMUM_CONTRAST:
            return colour
    return max("#000000", "#ffffff", key=lambda colour: contrast(ground, colour))


def from_pictures(samples: Sequence[Floats]) -> Palette | None:
    """Cluster pictures' pixels (sRGB 0–1, n × 3 each) into a palette; none if there is no colour to speak of.

    Deterministic: seeded, and the same samples in the same order give the same colours.
    """
    pixels = np.concatenate([sample.reshape(-1, 3) for sample in samples]) if samples else np.empty((0, 3))
    lab = to_oklab(pixels)
    lab = lab[(lab[:, 0] > _DARKEST) & (lab[:, 0] < _LIGHTEST)]
    if len(np.unique(lab.round(4), axis=0)) < _CLUSTERS * 4:
        return None
    from scipy.cluster.vq import kmeans2  # takes half a second to load, and boards of drawn tiles do without

    centres, labels = kmeans2(lab, _CLUSTERS, minit="++", rng=np.random.default_rng(7), missing="warn")
    shares = np.bincount(labels, minlength=_CLUSTERS) / len(lab)
    vivid = np.hypot(centres[:, 1], centres[:, 2])
    ranked = [centres[i] for i in np.argsort(-(vivid * np.sqrt(shares))) if shares[i] > 0]
    moods = _distinct(ranked, 3)
    return _from_moods(moods) if len(moods) == 3 and max(vivid) > _VIVID else None  # noqa: PLR2004 (three moods)


def _distinct(colours: Iterable[Floats], count: int) -> list[Floats]:
    """Take colours in order that differ in more than lightness; then whatever is left."""
    pool = list(colours)
    taken: list[Floats] = []
    for distance in (0.12, 0.07, 0.03, 0.0):
        for lab in pool:
            if len(taken) < count and all(np.linalg.norm(lab[1:] - other[1:]) > distance for other in taken):
                taken.append(lab)
    return taken


def _from_moods(moods: Sequence[Floats]) -> Palette:
    """Give three colours their roles: light ones carry grounds, the most vivid one accents, its hue tints the deep."""
    vivid = sorted(moods, key=lambda lab: (-float(np.hypot(lab[1], lab[2])), *map(float, lab)))
    accent, primary, secondary = (from_oklab(lab) for lab in vivid)
    dark = min(moods, key=lambda lab: (float(lab[0]), float(lab[1])))
    return Palette(
        paper=toned(secondary, 0.965, 0.12),
        deep=toned(from_oklab(dark), 0.27, 0.45),
        primary=toned(primary, min(0.84, max(0.68, lightness(primary))), 0.9),
        secondary=toned(secondary, min(0.90, max(0.78, lightness(secondary))), 0.85),
        accent=toned(accent, min(0.70, max(0.55, lightness(accent)))),
    )


@cache
def _curated() -> tuple[tuple[tuple[str, ...], Palette], ...]:
    entries = json.loads((_ASSETS / "palettes.json").read_text(encoding="utf-8"))
    return tuple((tuple(entry["suits"]), Palette(**entry["colours"])) for entry in entries)


def curated(interests: Sequence[str], seed: str) -> Palette:
    """Return the set that suits the first interest that any set names; else one chosen by the seed's hash."""
    for interest in interests:
        words = interest.casefold()
        for suits, palette in _curated():
            if any(word in words for word in suits):
                return palette
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    return _curated()[number % len(_curated())][1]


@cache
def _names() -> tuple[tuple[str, Floats], ...]:
    named = json.loads((_ASSETS / "colours.json").read_text(encoding="utf-8"))
    return tuple((name, to_oklab(rgb(colour))) for name, colour in named.items())


@cache
def colour_name(colour: str) -> str:
    """Return what a printer might call the colour: the nearest of a short list of names."""
    lab = to_oklab(rgb(colour))
    return min(_names(), key=lambda pair: float(np.linalg.norm(pair[1] - lab)))[0]
