"""A child process that decodes one picture from stdin under limits, and writes it anew to stdout: JSON line, then JPEG.

It is started by path and imports nothing of ours: whatever a picture makes of it, only this process is lost.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings

from PIL import Image, ImageOps

MAX_PIXELS = 25_000_000
MAX_SIDE = 1000
_LEAST_SIDE = 24
_MEMORY = 1 << 30
_CPU_SECONDS = 5
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_WHITE = 236
_MOSTLY = 0.6


def limit() -> None:
    """Bound this process's memory and time, and take writing files from it."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def redrawn(data: bytes) -> tuple[dict[str, int | bool], bytes]:
    """Return a picture's facts and the picture as a fresh JPEG without metadata; what was clear is white.

    Raises:
        ValueError: it is no picture of the four formats, is too large or too small, or is broken.
    """
    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS or min(image.size) < _LEAST_SIDE:
            raise ValueError("size")
        image.draft("RGB", (MAX_SIDE * 2, MAX_SIDE * 2))
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    plain = Image.new("RGB", upright.size, "white")
    plain.paste(upright, mask=upright.getchannel("A"))
    plain.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=90, subsampling=0)
    return {"width": plain.width, "height": plain.height, "cutout": on_white(plain)}, out.getvalue()


def on_white(image: Image.Image) -> bool:
    """Say whether most of a picture's edge is white: a product cut out for a catalogue."""
    grey = image.convert("L")
    w, h = grey.size
    edges = (grey.crop(box) for box in ((0, 0, w, 1), (0, h - 1, w, h), (0, 0, 1, h), (w - 1, 0, w, h)))
    pixels = [value for edge in edges for value in edge.tobytes()]
    return sum(value >= _WHITE for value in pixels) >= _MOSTLY * len(pixels)


def main() -> int:
    """Decode what stands on stdin."""
    data = sys.stdin.buffer.read()
    limit()
    try:
        facts, picture = redrawn(data)
    except Exception as error:  # noqa: BLE001 (whatever a hostile picture raises, the answer is the same)
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
