"""The published contracts of the topics are those of the code, are valid, and hold for what is really sent."""

import gzip
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError

from services.embedded.asyncapi import DOCUMENT, SCHEMAS, contracts, document, files
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import ProductUpdated, PurchaseRecorded, UserUpdated
from shared.contracts.requests import EmailRequested, Replied
from shared.contracts.topics import TOPICS

ROOT = Path(__file__).parents[2]
STANDARD = json.loads(gzip.decompress((ROOT / "tests/architecture/asyncapi-3.1.0.schema.json.gz").read_bytes()))

EVENTS = [
    PurchaseRecorded(
        purchase_id="o1",
        user_id="ann",
        purchased_at="2026-05-03T10:00:00+02:00",
        currency="EUR",
        lines=[{"product_id": "p1", "quantity": "1.5", "unit_price": "2.50", "categories": ["Food"]}],
    ),
    ProductUpdated(event_id="e1", product_id="p1", updated_at="2026-05-03T10:00:00Z", name="Milk"),
    UserUpdated(event_id="e2", user_id="ann", updated_at="2026-05-03T10:00:00Z"),
    EmailRequested(request_id="r1", user_id="ann"),
    Replied(request_id="r1", status="done", result={}),
]


@pytest.mark.parametrize("path", files(), ids=str)
def test_the_generated_files_are_up_to_date(path):
    """Write them anew with `python -m services.embedded.asyncapi`."""
    assert files()[path] == (ROOT / path).read_text()


def test_nothing_old_lies_among_the_schemas():
    assert {path for path in files() if path != DOCUMENT} == {
        path.relative_to(ROOT) for path in (ROOT / SCHEMAS).iterdir()
    }


def test_the_document_is_valid_asyncapi():
    Draft7Validator(STANDARD).validate(document())


def test_a_document_that_is_not_would_be_found():
    broken = document()
    broken["channels"]["commerce.purchases.v1"]["adress"] = "commerce.purchases.v1"
    with pytest.raises(ValidationError):
        Draft7Validator(STANDARD).validate(broken)


def test_every_topic_and_type_is_in_it():
    told = document()
    assert set(TOPICS) == set(told["channels"])
    assert {contract.type for contract in contracts()} == {
        message["name"] for message in told["components"]["messages"].values()
    }


@pytest.mark.parametrize("data", EVENTS, ids=lambda data: data.type)
def test_what_is_sent_keeps_to_its_published_schema(data):
    sent = encode(Envelope("acme", "1", "ann", "2026-05-03T10:00:00Z", data, correlation_id="c"))
    published = json.loads((ROOT / SCHEMAS / f"{data.type}.schema.json").read_text())
    Draft202012Validator(published).validate(json.loads(sent.value))
    with pytest.raises(ValidationError):
        Draft202012Validator(published).validate({**json.loads(sent.value), "data": {}})
