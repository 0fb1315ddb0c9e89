"""Remembers what shops' last whole refreshes rested on, and whose purchases were heard of since."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.graph.ports import Changed

if TYPE_CHECKING:
    from services.graph.amending import Standing  # loads what derives, which few commands need

_SHOPS = 4  # whose purchases are held in memory; the others are refreshed as a whole


@dataclass
class News:
    """What was heard of a shop since its derived knowledge was brought up to date."""

    people: set[str] = field(default_factory=set)
    worded: bool = False  # somebody used a word that was not there before
    anew: bool = False  # it cannot be told by people


class Standings:
    """What stands, by shop. Forgotten whenever an update fails midway: the next one is a whole refresh."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news: dict[str, News] = {}
        self._held: OrderedDict[str, Standing] = OrderedDict()

    def note(self, changed: Changed) -> None:
        """Take in what changed; a person who is erased is forgotten here at once."""
        with self._lock:
            for shop in changed.shops:
                news = self._news.setdefault(shop, News())
                news.people.update(user for of, user in changed.people if of == shop)
                news.worded |= shop in changed.worded
                news.anew |= shop in changed.anew
                if news.anew:
                    self._held.pop(shop, None)

    @contextmanager
    def taken(self, shop: str, refreshed_at: int) -> Iterator[tuple[Standing | None, News]]:
        """Give what stands of a shop and the news of it; none if another process has refreshed it since."""
        with self._lock:
            news, standing = self._news.pop(shop, News()), self._held.pop(shop, None)
        if standing is not None and standing.at != refreshed_at:
            standing = None
        yield standing, news
        with self._lock:
            if standing is not None and standing.stands and not self._news.get(shop, News()).anew:
                self._held[shop] = standing

    def renew(self, shop: str) -> None:
        """Forget what stands; what is heard from now on is news to what is about to be kept."""
        with self._lock:
            self._news.pop(shop, None)
            self._held.pop(shop, None)

    def keep(self, shop: str, standing: Standing) -> None:
        """Keep what a whole refresh rested on."""
        with self._lock:
            if self._news.get(shop, News()).anew:
                return
            self._held[shop] = standing
            while len(self._held) > _SHOPS:
                self._held.popitem(last=False)
