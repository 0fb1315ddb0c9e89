"""SVG becomes pictures, the same SVG the same bytes: PNG through resvg, WebP through Pillow."""

from __future__ import annotations

import io

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image, ImageChops

from services.visionboard.typesetting import font_files

_WEBP_QUALITY = 86
_SAMPLED = 24  # pixels a side
_LIFT = 1.035  # a catalogue's white is often a shade off; what is nearly white becomes white


def png(svg: str, *, zoom: int = 1) -> bytes:
    """Return the SVG as a PNG, `zoom` times its size.

    Raises:
        ValueError: the SVG cannot be drawn.
    """
    return bytes(
        resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, skip_system_fonts=True, font_files=list(font_files()))
    )


def webp(picture: bytes) -> bytes:
    """Return a PNG as a WebP, which is about a sixth of its size."""
    with Image.open(io.BytesIO(picture)) as image, io.BytesIO() as out:
        image.convert("RGB").save(out, "WEBP", quality=_WEBP_QUALITY, method=1)
        return out.getvalue()


def samples(jpeg: bytes) -> NDArray[np.float64]:
    """Return a few hundred of a picture's pixels (sRGB 0–1), evenly spread: enough to take colours from."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("RGB", (_SAMPLED * 2, _SAMPLED * 2))
        small = image.convert("RGB").resize((_SAMPLED, _SAMPLED), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).reshape(-1, 3) / 255


def on_ground(jpeg: bytes, ground: str, size: tuple[int, int]) -> bytes:
    """Return a cut-out photo as a PNG of a size, printed on a ground, its white gone."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("RGB", size)
        photo = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    lit = photo.point([min(255, round(level * _LIFT)) for level in range(256)] * 3)
    out = io.BytesIO()
    ImageChops.multiply(lit, Image.new("RGB", size, ground)).save(out, "PNG", compress_level=1)
    return out.getvalue()
