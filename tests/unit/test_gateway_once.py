"""Idempotency keys: one request at a time, the same answer again, another request refused, failures tried again."""

import threading

import pytest
from flask import Flask, Response, g, request

from services.gateway.once import once
from shared.auth import Principal
from shared.counters.memory import MemoryCounters
from shared.erasures import ERASURES
from shared.history.sqlite import SqliteHistory


class Kettle:
    """A view that counts how often it was done, and can be held and broken."""

    def __init__(self):
        self.done, self.status, self.held = 0, 201, threading.Event()
        self.held.set()
        self.begun = threading.Event()

    def boil(self):
        self.begun.set()
        self.held.wait(10)
        self.done += 1
        return Response(f"{self.done}", self.status, {"Location": f"/teas/{self.done}"})


@pytest.fixture
def kettle():
    return Kettle()


@pytest.fixture
def documents(tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


@pytest.fixture
def client(kettle, documents):
    app = Flask(__name__)

    @app.before_request
    def who():
        g.principal = Principal("demo", request.headers.get("Key-Id", "k"), frozenset())

    app.post("/teas")(once(MemoryCounters(), documents)(kettle.boil))
    return app.test_client()


def ask(client, key="a", body="x", **headers):
    return client.post("/teas", data=body, headers={"Idempotency-Key": key, **headers})


def test_a_request_under_one_key_is_done_once(client, kettle):
    first, again = ask(client), ask(client, key='"a"')
    assert (1, first.data, first.headers["Location"]) == (kettle.done, again.data, again.headers["Location"])


def test_without_a_key_it_is_done_each_time(client, kettle):
    client.post("/teas")
    client.post("/teas")
    assert 2 == kettle.done


def test_what_was_answered_about_a_person_is_not_told_again_once_they_were_erased(client, kettle, documents):
    for user in ("ann", "bob"):
        ask(client, user, f'{{"user_id": "{user}"}}')
    documents.put(ERASURES, "demo", "ann", {"before": 1, "finished": 1})
    ann, bob = (ask(client, user, f'{{"user_id": "{user}"}}') for user in ("ann", "bob"))
    assert (b"3", b"2", 3) == (ann.data, bob.data, kettle.done)


@pytest.mark.parametrize("body", ['{"user_id": 1}', '{"user_id": "\\ud800"}', '["user_id"]', "[" * 100_000, "x"])
def test_a_body_that_names_nobody_is_answered_once_too(client, kettle, body):
    assert ask(client, body=body).data == ask(client, body=body).data
    assert 1 == kettle.done


def test_another_payload_under_a_key_is_refused(client, kettle):
    ask(client)
    assert (422, 1) == (ask(client, body="y").status_code, kettle.done)


def test_another_credential_has_keys_of_its_own(client, kettle):
    ask(client)
    ask(client, **{"Key-Id": "other"})
    assert 2 == kettle.done


def test_a_request_that_is_still_running_is_not_done_beside_itself(client, kettle):
    kettle.held.clear()
    worker = threading.Thread(target=ask, args=(client.application.test_client(),))
    worker.start()
    assert kettle.begun.wait(10)
    meanwhile = ask(client)
    kettle.held.set()
    worker.join(10)
    assert (409, "1", 1) == (meanwhile.status_code, meanwhile.headers["Retry-After"], kettle.done)
    assert 201 == ask(client).status_code


def test_a_refusal_is_kept_and_a_failure_is_not(client, kettle):
    kettle.status = 422
    ask(client)
    ask(client)
    assert 1 == kettle.done
    kettle.status = 503
    ask(client, key="b")
    kettle.status = 201
    assert (201, 201) == (ask(client, key="b").status_code, ask(client, key="b").status_code)
    assert 3 == kettle.done
