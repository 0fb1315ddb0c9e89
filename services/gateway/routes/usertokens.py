"""Tokens for one end user's browser: the shop's server asks for one, and hands it to the page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint

from services.gateway import questions
from services.gateway.answers import operations as shown
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import ANN
from shared.web.contract import Answer, body_of, describes
from shared.web.guard import principal, requires
from shared.web.usertokens import UserTokens


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the route of user tokens."""
    routes = APIBlueprint("usertokens", __name__, tag="User tokens")
    tokens = UserTokens(ports.signing_key, ports.clock)

    @routes.post("/v1/users/<id:user_id>/tokens")
    @requires("tokens:write")
    @describes({201: Answer(shown.UserToken, kept=False)}, body=questions.NewUserToken, examples=ANN)
    def make_user_token(user_id: str) -> Any:
        """Make a token with which a browser reads just this user's profile, recommendations and boards."""
        most = ports.settings.user_token_seconds
        seconds = min(body_of(questions.NewUserToken).seconds or most, most)
        text, expires_at = tokens.make(principal(), user_id, seconds)
        made = {"token": text, "user_id": user_id, "expires_at": expires_at.isoformat()}
        return made, HTTPStatus.CREATED

    return routes
