"""Unsubscribe tokens: one per recipient, signed, so that a link works without a login and for nobody else."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from shared.errors import NotFoundError

_SALT = "unsubscribe"


def sign(shop: str, user_id: str, key: str) -> str:
    """Return the token of a shop's recipient; the same each time."""
    return str(URLSafeSerializer(key, salt=_SALT).dumps([shop, user_id]))


def verify(token: str, key: str) -> tuple[str, str]:
    """Return the shop and the user that a token was made for.

    Raises:
        NotFoundError: it was not made with this key.
    """
    try:
        shop, user_id = URLSafeSerializer(key, salt=_SALT).loads(token)
    except (BadData, ValueError):
        raise NotFoundError("this link does not work") from None
    return str(shop), str(user_id)
