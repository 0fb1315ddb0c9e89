"""An interest told to the gateway becomes the same event as one told to the intake."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from services.gateway.asking import request_id
from services.gateway.ports import GatewayPorts
from shared.contracts.codec import Envelope, encode, violations_of
from shared.contracts.events import InterestExpressed, Kind
from shared.errors import InvalidInputError, Violation

_AHEAD = timedelta(minutes=10)  # clocks differ


def express(
    shop: str, user_id: str, body: Any, ports: GatewayPorts, *, key: str | None, correlation_id: str
) -> InterestExpressed:
    """Publish a user's interest; when it returns, it is durable. One that the ledger knows is not published again.

    Raises:
        InvalidInputError: it breaks the contract.
        UnavailableError: it was not published, or it is not known whether: repeat it with the same key.
    """
    if not isinstance(body, Mapping):
        raise InvalidInputError("an interest is a JSON object", [Violation("", "must be an object")])
    if body.get("user_id", user_id) != user_id:
        raise InvalidInputError("the path names the user", [Violation("/user_id", "is another user")])
    now = ports.clock.now().isoformat()
    id = request_id(shop, f"interests/{user_id}", key) if key else uuid.uuid4().hex
    try:
        event = InterestExpressed.model_validate(
            {"interest_id": id, "expressed_at": now, **body, "user_id": user_id}, extra="forbid"
        )
    except ValidationError as error:
        raise InvalidInputError("the interest breaks its contract", violations_of(error)) from None
    if event.expressed_at > ports.clock.now() + _AHEAD:
        raise InvalidInputError("the time is in the future", [Violation("/expressed_at", "must not be in the future")])
    if not ports.history.known(shop, Kind.INTEREST, [event.interest_id]):
        ports.bus.publish([encode(Envelope(shop, event.interest_id, user_id, now, event, correlation_id))])
    return event
