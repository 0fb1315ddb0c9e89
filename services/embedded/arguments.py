"""What operations make of their arguments: a shop that exists, a moment with its zone."""

from __future__ import annotations

from datetime import datetime

from services.embedded.runtime import Runtime
from shared import auth
from shared.clock import Clock
from shared.errors import NotFoundError, UsageError


def known_shop(runtime: Runtime, shop: str) -> str:
    """Return the shop's name, if anything is known of it: events, a key, or its own profile.

    Raises:
        NotFoundError: nothing is; says which shops there are.
    """
    history = runtime.engines.history
    if shop in history.shops() or history.get("shops", shop, shop) or auth.list_keys(history, auth.shop_name(shop)):
        return shop
    raise NotFoundError(f"there is no shop {shop}; there are {', '.join(history.shops()) or 'none yet'}")


def moment_of(text: str | None) -> datetime | None:
    """Return the moment that a text names, or none for none.

    Raises:
        UsageError: it names none, or leaves the zone open.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time such as 2017-12-04T00:00:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} has no zone; add Z for UTC")
    return moment


def later(text: str | None, clock: Clock) -> datetime | None:
    """Return the moment to come that a text names, or none for none.

    Raises:
        UsageError: it names none, leaves the zone open, or has passed.
    """
    moment = moment_of(text)
    if moment is not None and moment <= clock.now():
        raise UsageError(f"{text!r} has passed already")
    return moment
