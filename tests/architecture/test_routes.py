"""Deny by default: every route of both HTTP services needs a scope, or says that it is public."""

import pytest
from pydantic import SecretStr

from services.gateway import wiring as gateway
from services.ingest import wiring as ingest
from shared.auth import OWN, Scope
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app
from shared.web.guard import PUBLIC, scopes_of

OPEN = {"/", "/console/<path:file>", "/livez", "/readyz", "/metrics", "/docs", "/docs/<name>", "/openapi.json"}


@pytest.fixture
def app(tmp_path):
    engines = open_engines(Settings(data=tmp_path, signing_key=SecretStr("k" * 40)))
    blueprints = [*ingest.build(engines).blueprints, *gateway.build(engines).blueprints]
    yield create_app("test", engines, blueprints, {})
    engines.close()


def test_every_route_needs_a_scope_or_says_that_it_is_public(app):
    unmarked = [rule.rule for rule in app.url_map.iter_rules() if scopes_of(app, rule.endpoint) is None]
    assert [] == unmarked


def test_only_what_is_meant_to_be_open_is_open(app):
    public = {rule.rule for rule in app.url_map.iter_rules() if scopes_of(app, rule.endpoint) == PUBLIC}
    assert public == OPEN | {"/v1/unsubscribe/<token>"}


def test_every_scope_that_a_route_needs_exists(app):
    needed = {scope for rule in app.url_map.iter_rules() for scope in scopes_of(app, rule.endpoint) or ()}
    assert needed <= {*Scope, OWN}


def test_a_route_that_carries_no_mark_answers_nobody(app):
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert app.test_client().get("/forgotten").status_code == 401


def test_an_end_users_token_opens_just_these_views(app):
    own = {rule.rule for rule in app.url_map.iter_rules() if OWN in (scopes_of(app, rule.endpoint) or ())}
    assert own == {
        "/v1/users/<id:user_id>",
        "/v1/users/<id:user_id>/recommendations",
        "/v1/boards/<id:id>",
        "/v1/boards/<id:id>/json",
        "/v1/boards/<id:id>/picture",
    }
