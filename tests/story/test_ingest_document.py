"""The intake's OpenAPI document: complete, and true, for its own examples are taken in."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROUTES = ("purchases", "refunds", "interests", "products", "users", "events", "track", "identify", "batch")


def operation(shop: Any, route: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.client.get("/openapi.json").json["paths"][f"/v1/{route}"]["post"]
    return found


def checked(shop: Any, schema: dict[str, Any], value: Any) -> list[str]:
    components = shop.client.get("/openapi.json").json["components"]
    return [error.message for error in Draft202012Validator({**schema, "components": components}).iter_errors(value)]


@pytest.mark.parametrize("route", ROUTES)
def test_a_routes_own_example_is_taken_in_and_answered_as_told(shop: Any, route: str) -> None:
    told = operation(shop, route)
    media = told["requestBody"]["content"]["application/json"]
    answer = shop.post(f"/v1/{route}", media["example"])

    assert [] == checked(shop, media["schema"], media["example"])
    assert (202, {"202", "400", "401", "403", "413", "415", "422", "503"} <= told["responses"].keys()) == (
        answer.status_code,
        True,
    ), answer.text
    assert [] == checked(shop, told["responses"]["202"]["content"]["application/json"]["schema"], answer.json)


@pytest.mark.parametrize("route", ["purchases", "refunds", "interests", "products", "users"])
def test_what_the_document_refuses_is_refused(shop: Any, route: str) -> None:
    media = operation(shop, route)["requestBody"]["content"]["application/json"]
    for wrong in ({**media["example"], "unheard_of": 1}, {}, []):
        assert checked(shop, media["schema"], wrong)
        assert 422 == shop.post(f"/v1/{route}", wrong).status_code


def test_a_refusal_is_told_as_the_document_says(shop: Any) -> None:
    schema = operation(shop, "purchases")["responses"]["422"]["content"]["application/problem+json"]["schema"]
    answer = shop.post("/v1/purchases", shop.order(currency="?"))

    assert [] == checked(shop, schema, answer.json)
    assert "/currency" == answer.json["items"][0]["problem"]["errors"][0]["pointer"]
