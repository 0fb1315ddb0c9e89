"""Tokens for one end user's browser: minutes of life, and nothing but what is that user's own."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.auth import OWN, AuthenticationError, Principal, Verified
from shared.clock import Clock, to_ms

PREFIX = "tgu_"
_ALGORITHM = "HS256"
_AUDIENCE = "tastegraph:user"
_REQUIRED = ["exp", "iat", "aud", "sub", "shop", "via"]


@dataclass(frozen=True)
class UserToken:
    """Whom a token speaks for, and the credential that it was made with: it ends with that one."""

    verified: Verified
    via: str


class UserTokens:
    """Makes and verifies them, with a key of their own that is derived from the signing key."""

    def __init__(self, signing_key: str, clock: Clock) -> None:
        self._key = hmac.digest(signing_key.encode(), b"user tokens", hashlib.sha256)
        self._clock = clock

    def make(self, maker: Principal, user_id: str, seconds: int) -> tuple[str, datetime]:
        """Return a token for a user of the maker's shop, and when it ends."""
        now = self._clock.now()
        expires_at = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        claims = {
            "shop": maker.shop,
            "sub": user_id,
            "via": maker.key_id,
            "aud": _AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return PREFIX + jwt.encode(claims, self._key, _ALGORITHM), expires_at

    def verify(self, text: str) -> UserToken:
        """Return what a token says.

        Raises:
            AuthenticationError: it is not one that works.
        """
        try:
            claims = self._claims(text.removeprefix(PREFIX))
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise AuthenticationError from None
        until = int(claims["exp"]) * 1000
        if to_ms(self._clock.now()) >= until:
            raise AuthenticationError
        shop, user_id = str(claims["shop"]), str(claims["sub"])
        named = hashlib.sha256(f"{shop}\n{user_id}".encode()).hexdigest()[:16]
        principal = Principal(shop, f"user-{named}", frozenset({OWN}), user_id)
        return UserToken(Verified(principal, until), str(claims["via"]))

    def _claims(self, text: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            text,
            self._key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # Whether it has ended is told by our own clock, by whoever asks this.
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
        )
        return claims
