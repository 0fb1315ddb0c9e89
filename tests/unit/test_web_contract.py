"""A route's contract: answers are held to it, ids with slashes reach it, and the document tells it."""

import pytest
from apiflask import APIFlask
from jsonschema import Draft202012Validator
from pydantic import Field

from shared.errors import InvalidInputError
from shared.web.contract import Asked, Shown, describes, query_of
from shared.web.guard import public, requires
from shared.web.openapi import complete
from shared.web.paths import keep_slashes
from shared.web.samples import sample


class Tea(Shown):
    name: str = Field(examples=["Green"])
    steeps: list[int]


class Which(Asked):
    strong: bool = Field(default=False, description="how it is liked")


@pytest.fixture
def app():
    app = APIFlask(__name__)
    keep_slashes(app)

    @app.get("/teas/<id:name>")
    @requires("graph:read", "trends:read")
    @describes({200: Tea}, query=Which, errors=(404,), examples={"name": "green"})
    def tea(name):
        """Show a tea."""
        return {"name": name, "steeps": [1, 2] if query_of(Which).strong else [1]}

    @app.get("/teas/<id:name>/leaves")
    @public
    @describes({204: None})
    def leaves(name):
        """Show its leaves."""
        return None, 204

    @app.get("/broken")
    @public
    @describes({200: Tea})
    def broken():
        """Answer what was never declared."""
        return {"name": "x", "steeps": [], "secret": 1}

    app.spec_processor(lambda spec: complete(app, spec))
    return app


@pytest.mark.parametrize("sent", ["green%2Ftea", "green%2ftea"])
def test_an_id_with_a_slash_is_one_segment(app, sent):
    assert "green/tea" == app.test_client().get(f"/teas/{sent}").json["name"]


def test_an_encoded_percent_sign_stays_one(app):
    assert "a%2Fb/c" == app.test_client().get("/teas/a%252Fb%2Fc").json["name"]


def test_an_id_is_looked_for_in_the_form_in_which_it_is_kept(app):
    assert "é" == app.test_client().get("/teas/e%CC%81").json["name"]


def test_a_segment_that_can_be_no_id_leads_nowhere(app):
    assert [404, 404] == [app.test_client().get(f"/teas/{sent}").status_code for sent in ("a%00b", "a" * 201)]


def test_an_empty_answer_has_no_type(app):
    answer = app.test_client().get("/teas/green/leaves")
    assert (204, None) == (answer.status_code, answer.headers.get("Content-Type"))


@pytest.mark.parametrize("asked", ["strong=perhaps", "sweet=yes", "strong=1&strong=0"])
def test_a_wrong_query_is_refused_with_where_it_is_wrong(app, asked):
    with app.test_request_context(f"/teas/green?{asked}"), pytest.raises(InvalidInputError) as refused:
        query_of(Which)
    assert refused.value.violations[0].pointer in {"/strong", "/sweet"}


def test_an_answer_that_breaks_its_contract_never_leaves(app):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert 500 == app.test_client().get("/broken").status_code


def test_the_document_tells_parameters_answers_errors_and_scopes(app):
    operation = app.spec["paths"]["/teas/{name}"]["get"]
    assert ["name", "strong"] == [each["name"] for each in operation["parameters"]]
    assert [{"key": ["graph:read"]}, {"key": ["trends:read"]}] == operation["security"]
    assert {"200", "400", "401", "403", "404", "413", "415", "422", "429", "500", "503"} == set(operation["responses"])


def test_a_sample_is_what_its_schema_allows(app):
    content = app.spec["paths"]["/teas/{name}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert {"name": "Green", "steeps": [1]} == content["example"]
    definitions = app.spec["components"]["schemas"]
    schema = {"$ref": "#/$defs/Tea", "$defs": definitions}
    assert Draft202012Validator(schema).is_valid(sample(content["schema"], definitions))
