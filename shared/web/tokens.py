"""Bearer tokens of an outside issuer (JWTs per RFC 9068): pinned algorithms, every claim required, a capped life."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import jwt

from shared.auth import AuthenticationError, Principal, Scope, Verified, shop_name
from shared.config import Settings
from shared.errors import UsageError
from shared.web import jwks

_SHORTEST_SECRET = 32  # bytes
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_REQUIRED = ["exp", "iat", "aud", "iss", "sub"]
# What hostile texts make of parsers; none of it is the server's fault.
_BROKEN = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError, UsageError)

NAMED = "jwt-"  # how the name of a token's subject begins, where a key has its id
Find = Callable[[str | None], jwt.PyJWK | None]


class Issuer:
    """Verifies tokens of the issuer that the settings name."""

    def __init__(self, settings: Settings, find: Find) -> None:
        self._settings, self._find = settings, find

    def verify(self, text: str) -> Verified:
        """Return whom a token speaks for. Where its header says that keys are to be found is never looked at.

        Raises:
            AuthenticationError: it is not a token that works.
            UnavailableError: the issuer's keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(text)
            key = self._find(header.get("kid"))
            if key is None or not self._typed(header):
                raise AuthenticationError
            return self._verified(self._claims(text, key))
        except _BROKEN:
            raise AuthenticationError from None

    def _typed(self, header: dict[str, Any]) -> bool:
        return not self._settings.jwt_typed or str(header.get("typ")).lower() in _TYPES

    def _claims(self, text: str, key: jwt.PyJWK) -> dict[str, Any]:
        settings = self._settings
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=[key.algorithm_name],  # the key's own, whatever the header says
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=settings.jwt_leeway_seconds,
            options={"require": _REQUIRED, "enforce_minimum_key_length": True},
        )
        return claims

    def _verified(self, claims: dict[str, Any]) -> Verified:
        expires, issued = int(claims["exp"]), int(claims["iat"])
        if not 0 < expires - issued <= self._settings.jwt_lifetime_seconds:
            raise AuthenticationError
        shop, scopes = claims.get(self._settings.jwt_shop_claim), claims.get("scope", "")
        if not (isinstance(shop, str) and isinstance(scopes, str) and claims["sub"]):
            raise AuthenticationError
        granted = frozenset(scopes.split()) & {scope.value for scope in Scope}
        named = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()[:16]
        until = (expires + self._settings.jwt_leeway_seconds) * 1000
        return Verified(Principal(shop_name(shop), f"{NAMED}{named}", granted), until)


def issuer(settings: Settings) -> Issuer | None:
    """Return the issuer that the settings name, or none.

    Raises:
        UsageError: what they say of it does not fit together, or a secret is too short.
    """
    ways = {
        "JWT_JWKS_URL": settings.jwt_jwks_url,
        "JWT_JWKS_FILE": settings.jwt_jwks_file,
        "JWT_SECRET": settings.jwt_secret,
    }
    given = [name for name, value in ways.items() if value]
    if not settings.jwt_issuer and not given:
        return None
    if not settings.jwt_issuer or len(given) != 1:
        names = ", ".join(f"TASTEGRAPH_{name}" for name in ways)
        raise UsageError(f"tokens need TASTEGRAPH_JWT_ISSUER and exactly one of {names}")
    return Issuer(settings, _finder(settings))


def _finder(settings: Settings) -> Find:
    if settings.jwt_secret is not None:
        key = _secret(settings.jwt_secret.get_secret_value().encode())
        return lambda _: key
    if settings.jwt_jwks_file is not None:
        return jwks.from_file(settings.jwt_jwks_file).find
    return jwks.from_url(settings.jwt_jwks_url).find


def _secret(secret: bytes) -> jwt.PyJWK:
    if len(secret) < _SHORTEST_SECRET:
        raise UsageError(f"TASTEGRAPH_JWT_SECRET must be {_SHORTEST_SECRET} bytes or longer")
    return jwt.PyJWK({"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode()}, "HS256")
