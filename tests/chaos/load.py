"""A steady load: events in small batches, sent again when in doubt; emails and boards; reads; people who leave."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chaos.client import Client, Item
from chaos.system import SHOPS

USERS, PRODUCTS = 24, 40
_REMEMBERED = 200
_AGAIN = 0.06  # how often something acknowledged is sent again
_CONTRADICTED = 0.03  # how often it is sent again with another content
_KINDS = ("purchases",) * 12 + ("interests",) * 4 + ("products",) * 2 + ("users",) * 2
_DRAIN_SECONDS = 150.0  # who died holds an Idempotency-Key for two minutes

Act = Callable[[], None]


def canary(shop: str) -> str:
    """Return the word that stands in what one shop says, and nowhere else."""
    return f"canary{shop}"


class Load:
    """Threads that act at a steady pace until told to stop; then what is in doubt is sent until it is not."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client = client
        self._stopping = threading.Event()
        self._writers = [Writer(client, shop, f"{shop[0]}{lane}", seed + lane) for shop in SHOPS for lane in range(2)]
        self._makers = [Maker(client, kind, seed) for kind in ("email", "board")]
        self._reader = random.Random(seed)  # noqa: S311 (the same reads every time)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Act meanwhile."""
        acts = [(writer.act, 0.4) for writer in self._writers]
        acts += [(self._makers[0].act, 2.0), (self._makers[1].act, 5.0), (self._look, 0.5)]
        threads = [threading.Thread(target=self._pace, args=act, daemon=True) for act in acts]
        with ExitStack() as ending:
            for thread in threads:
                thread.start()
                ending.callback(thread.join)
            ending.callback(self._stopping.set)
            yield

    def drain(self, more: float = 0.0) -> bool:
        """Send again what is in doubt; say whether all was dealt with in the usual time and `more` seconds."""
        deadline = time.monotonic() + _DRAIN_SECONDS + more
        while time.monotonic() < deadline:
            waiting = sum(sender.settle() for sender in (*self._writers, *self._makers))  # all of them, each time
            if not waiting:
                return True
            time.sleep(0.5)
        return False

    def _pace(self, act: Act, pause: float) -> None:
        while not self._stopping.wait(pause):
            act()

    def _look(self) -> None:
        shop, user = self._reader.choice(SHOPS), f"u{self._reader.randrange(USERS)}"
        what = self._reader.choice(("", "/recommendations", "/timeline"))
        self._client.look(shop, f"/v1/users/{user}{what}")


class Writer:
    """Says what happens in one shop."""

    def __init__(self, client: Client, shop: str, name: str, seed: int) -> None:
        self._client, self._shop, self._name = client, shop, name
        self._chance = random.Random(f"{name}{seed}")  # noqa: S311 (the same events every time)
        self._numbers = count()
        self._said: deque[Item] = deque(maxlen=_REMEMBERED)
        self._doubtful: deque[list[Item]] = deque()
        self._gone: set[str] = set()
        self._leaving: deque[str] = deque()

    def act(self) -> None:
        """Say a few things; now and then again, or otherwise; now and then someone asks to be forgotten."""
        if self._doubtful and self._chance.random() < 0.5:
            self._offer(self._doubtful.popleft())
            return
        if next(self._numbers) % 40 == 39:
            self._leave()
            return
        self._offer(self._again() or self._news())

    def settle(self) -> bool:
        """Send what is in doubt; say whether there was any."""
        waiting = bool(self._doubtful or self._leaving)
        for _ in range(len(self._doubtful)):
            self._offer(self._doubtful.popleft())
        for _ in range(len(self._leaving)):
            self._erase(self._leaving.popleft())
        return waiting

    def _offer(self, items: list[Item]) -> None:
        staying = [item for item in items if item.body.get("user_id") not in self._gone]
        if not staying:
            return
        if self._client.send(staying):
            self._said += staying
        else:
            self._doubtful.append(staying)

    def _again(self) -> list[Item]:
        drawn = self._chance.random()
        purchases = [item for item in self._said if item.kind == "purchases"]
        if not purchases or drawn > _AGAIN + _CONTRADICTED:
            return []
        old = self._chance.choice(purchases)
        return [old if drawn < _AGAIN else Item(old.shop, old.kind, {**old.body, "lines": [self._line("p-other")]})]

    def _news(self) -> list[Item]:
        kind = self._chance.choice(_KINDS)
        return [Item(self._shop, kind, self._body(kind)) for _ in range(self._chance.randrange(1, 6))]

    def _body(self, kind: str, user: str = "") -> dict[str, Any]:
        """Return an event; both shops use the same names for users and products, and the same ids for events."""
        id = f"{self._name[1:]}-{next(self._numbers)}-{self._chance.randrange(1 << 20)}"
        user, product = user or f"u{self._chance.randrange(USERS)}", f"p{self._chance.randrange(PRODUCTS)}"
        back = timedelta(minutes=self._chance.randrange(30 * 24 * 60))  # up to 30 days late
        at = (datetime.now(UTC) - back).isoformat(timespec="milliseconds")
        said = canary(self._shop)
        match kind:
            case "purchases":
                lines = [
                    self._line(f"p{n}") for n in self._chance.sample(range(PRODUCTS), self._chance.randrange(1, 4))
                ]
                return {"purchase_id": id, "user_id": user, "purchased_at": at, "currency": "EUR", "lines": lines}
            case "interests":
                return {
                    "interest_id": id,
                    "user_id": user,
                    "name": f"{said} cheese",
                    "score": "0.7",
                    "expressed_at": at,
                }
            case "products":
                return {"event_id": id, "product_id": product, "updated_at": at, "name": f"{said} {product}"}
        return {"event_id": id, "user_id": user, "updated_at": at, "contact": {"first_name": said}, "locale": "en"}

    def _line(self, product: str) -> dict[str, Any]:
        line = {"product_id": product, "quantity": self._chance.randrange(1, 4), "unit_price": "2.50"}
        return {**line, "name": f"{canary(self._shop)} {product}", "categories": ["Food", f"Shelf {product[-1]}"]}

    def _leave(self) -> None:
        """Let someone buy, and then ask to be forgotten; nothing is said of them after that."""
        user = f"leaver-{self._name}-{next(self._numbers)}"
        self._offer([Item(self._shop, "purchases", self._body("purchases", user)) for _ in range(2)])
        self._gone.add(user)
        self._erase(user)

    def _erase(self, user: str) -> None:
        if not self._client.erase(self._shop, user):
            self._leaving.append(user)


class Maker:
    """Asks for emails or boards, each under a key of its own, again while in doubt."""

    def __init__(self, client: Client, kind: str, seed: int) -> None:
        self._client, self._kind = client, kind
        self._chance = random.Random(f"{kind}{seed}")  # noqa: S311 (the same requests every time)
        self._doubtful: deque[tuple[str, str, str]] = deque()
        self._answered: deque[tuple[str, str, str]] = deque(maxlen=20)

    def act(self) -> None:
        """Ask for something new; or again for what is in doubt, or for what was answered long ago."""
        drawn = self._chance.random()
        if self._doubtful and drawn < 0.4:
            self._ask(self._doubtful.popleft())
        elif self._answered and drawn > 0.85:
            self._ask(self._chance.choice(self._answered))
        else:
            user, key = f"u{self._chance.randrange(USERS)}", f"{self._kind}-{self._chance.randrange(1 << 60):x}"
            self._ask((self._chance.choice(SHOPS), user, key))

    def settle(self) -> bool:
        """Ask again for what is in doubt; say whether there was any."""
        waiting = len(self._doubtful)
        for _ in range(waiting):
            self._ask(self._doubtful.popleft())
        return bool(waiting)

    def _ask(self, wish: tuple[str, str, str]) -> None:
        shop, user, key = wish
        done = self._client.make(shop, self._kind, user, key)
        (self._answered if done else self._doubtful).append(wish)
