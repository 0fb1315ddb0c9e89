"""Boards per second and their latency, pictures cached: `python bench/board.py [seconds]`. Goal: p95 at most 400 ms."""

from __future__ import annotations

import io
import statistics
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from PIL import Image

from services.visionboard.compose import Commission, compose_board
from services.visionboard.curate import curate
from services.visionboard.draw import draw
from services.visionboard.palette import curated, from_pictures
from services.visionboard.render import png, samples, webp
from services.visionboard.sheet import Photo
from shared.knowledge.insight import Bought, Insight, Parameters, Product
from shared.knowledge.recommend import Item, Recommendation

GOAL_SECONDS = 0.4
AT = 1_793_700_000_000
THINGS = ("Milk", "Bananas", "Cheddar", "White bread", "Yoghurt", "Apples", "Coffee", "Tea", "Carrots", "Eggs", "Soup")


def shop(*, pictured: bool) -> tuple[Insight, Recommendation]:
    products = [
        Product(
            f"p{n}",
            f"{THINGS[n % len(THINGS)]} {n}",
            ("Food", ("Dairy", "Fruit", "Bakery", "Drinks")[n % 4]),
            price=Decimal("1.99"),
            currency="EUR",
            image_url=f"https://pictures.example/{n}.jpg" if pictured else None,
        )
        for n in range(30)
    ]
    bought = tuple(
        Bought(p, (AT - 86_400_000,) * (20 - n), Decimal(20), Decimal(9), Decimal(0))
        for n, p in enumerate(products[:18])
    )
    fresh = tuple(Item(p, "discover", 1.0, {}, "Because you bought milk.", None) for p in products[18:])
    insight = Insight(
        "s", "u", AT, known=True, traits={}, locale="en", consent=True, bought=bought, interests=(), reactions=(),
        candidates=(), parameters=Parameters(), refreshed_at=AT,
    )  # fmt: skip
    return insight, Recommendation("u", AT, (), fresh, fresh, "personal", "d")


def photo(number: int) -> bytes:
    """A cut-out product of 600 × 600 pixels."""
    pixels = np.full((600, 600, 3), 255, dtype=np.uint8)
    pixels[100:500, 100:500] = np.random.default_rng(number).integers(0, 255, (1, 1, 3))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def once(insight: Insight, recommendation: Recommendation, shots: dict[str, bytes], layout: str) -> None:
    selection = curate(insight, recommendation, layout)  # type: ignore[arg-type]
    urls = [pick.product.image_url for pick in selection.picks if pick.product.image_url]
    palette = from_pictures([samples(shots[url]) for url in urls]) or curated(selection.interests, "u")
    photos = {url: Photo(url, url, 600, 600, cutout=True) for url in urls}
    commission = Commission("b", "u", "d", layout, datetime.fromtimestamp(AT / 1000, UTC))  # type: ignore[arg-type]
    board = compose_board(selection, photos, palette, commission)
    prints = {url: (shots[url], 600, 600) for url in urls}
    draw(board, prints)
    webp(png(draw(board, prints, exact=True)))


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    worst = 0.0
    for pictured in (False, True):
        insight, recommendation = shop(pictured=pictured)
        shots = {f"https://pictures.example/{n}.jpg": photo(n) for n in range(30)} if pictured else {}
        for layout in ("wide", "square", "story"):
            once(insight, recommendation, shots, layout)
            times: list[float] = []
            until = time.perf_counter() + seconds / 6
            while time.perf_counter() < until or len(times) < 5:
                start = time.perf_counter()
                once(insight, recommendation, shots, layout)
                times.append(time.perf_counter() - start)
            p95 = statistics.quantiles(times, n=20)[-1]
            worst = max(worst, p95)
            kind = "photos" if pictured else "drawings"
            print(f"{layout:7}{kind:9} p50 {statistics.median(times) * 1000:5.0f} ms  p95 {p95 * 1000:5.0f} ms")
    return 0 if worst <= GOAL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
