"""How answers travel: validated, cached, compressed, over origins; and how long a client waits for them."""

import gzip
import time

import pytest

from services.gateway.following import Streams
from services.ingest.wiring import build
from shared.config import Settings
from shared.errors import UnavailableError
from shared.web.app import create_app

ORIGIN = "https://shop.example"


def test_what_was_read_is_not_sent_again(served):
    first = served.get("/v1/users/ann")
    again = served.get("/v1/users/ann", **{"If-None-Match": first.headers["ETag"]})
    assert (304, b"") == (again.status_code, again.data)
    assert first.headers["ETag"] == again.headers["ETag"]
    assert ("private" in first.headers["Cache-Control"], True) == (True, "Authorization" in first.vary)
    assert 200 == served.get("/v1/users/bob", **{"If-None-Match": first.headers["ETag"]}).status_code


def test_an_answer_that_changed_is_sent_again(served):
    first = served.get("/v1/suppressions")
    served.client.put("/v1/suppressions/zoe", headers=served.admin)
    assert 200 == served.get("/v1/suppressions", **{"If-None-Match": first.headers["ETag"]}).status_code


def test_another_shop_is_not_told_that_an_answer_is_still_the_same(served):
    etag = served.get("/v1/users/ann").headers["ETag"]
    headers = {**served.key("other"), "If-None-Match": etag}
    assert 404 == served.client.get("/v1/users/ann", headers=headers).status_code
    assert 401 == served.client.get("/v1/users/ann", headers={"If-None-Match": etag}).status_code


def test_head_says_what_get_would(served):
    got, head = (served.client.open("/v1/users/ann", method=each, headers=served.admin) for each in ("GET", "HEAD"))
    assert (got.status_code, got.headers["ETag"], b"") == (head.status_code, head.headers["ETag"], head.data)
    assert 404 == served.client.head("/v1/users/nobody", headers=served.admin).status_code


def test_long_answers_are_compressed_and_secrets_are_not(served):
    asked = {"Accept-Encoding": "gzip"}
    packed, plain = served.get("/openapi.json", **asked), served.get("/openapi.json")
    assert "gzip" == packed.headers["Content-Encoding"]
    assert plain.data == gzip.decompress(packed.data)
    name = {"scopes": ["profiles:read"], "name": "x" * 450}
    made = served.post("/v1/keys", name, **asked)
    assert (201, "no-store") == (made.status_code, made.headers["Cache-Control"])
    assert "Content-Encoding" not in made.headers


def test_a_picture_is_not_packed_twice(served):
    where = served.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    picture = served.get(f"{where}/picture", **{"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in picture.headers
    known = served.get(f"{where}/picture", **{"If-None-Match": picture.headers["ETag"]})
    assert 304 == known.status_code


def test_refusals_are_kept_by_nobody(served):
    assert "no-store" == served.get("/v1/users/nobody").headers["Cache-Control"]


@pytest.fixture
def across(shop):
    """The intake with one origin allowed."""
    shop.engines.settings = Settings(cors_origins=ORIGIN)
    return create_app("Intake", shop.engines, build(shop.engines).blueprints, {}).test_client()


def preflight(client, origin):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return client.options("/v1/purchases", headers={"Origin": origin, **asked})


def test_a_page_of_an_allowed_origin_asks_without_a_credential_whether_it_may(across):
    told = preflight(across, ORIGIN)
    assert (200, ORIGIN) == (told.status_code, told.headers["Access-Control-Allow-Origin"])
    assert "authorization" in told.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in told.headers
    assert "Origin" in told.vary


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example"]
)
def test_no_other_origin_is_told_anything(across, origin):
    assert "Access-Control-Allow-Origin" not in preflight(across, origin).headers


def test_a_page_may_read_the_refusal_that_it_gets(across):
    refused = across.post("/v1/purchases", json={}, headers={"Origin": ORIGIN})
    assert (401, ORIGIN) == (refused.status_code, refused.headers["Access-Control-Allow-Origin"])


def test_cors_is_off_unless_an_origin_is_named_and_never_open_to_all(served):
    assert not [name for name, _ in served.get("/v1/users", Origin=ORIGIN).headers if name.startswith("Access-Control")]
    for wrong in ("*", "https://*.example", "shop.example"):
        with pytest.raises(ValueError, match="cors_origins"):
            Settings(cors_origins=wrong)


def test_who_prefers_not_to_wait_gets_a_job_at_once(served):
    began = time.monotonic()
    asked = served.post("/v1/boards", {"user_id": "ann"}, Prefer="respond-async")
    assert time.monotonic() - began < 2
    assert (202, "respond-async") == (asked.status_code, asked.headers["Preference-Applied"])
    job = asked.headers["Location"]
    served.eventually(lambda: served.get(job).json["status"] == "done")


@pytest.mark.parametrize(
    ("said", "applied"), [("wait=0", "wait=0"), ("respond-async, wait=0", "wait=0"), ("wait=9999", "wait=0.05")]
)
def test_a_wait_is_heeded_up_to_the_longest(unanswered, said, applied):
    asked = unanswered.post("/v1/emails", {"user_id": "ann"}, Prefer=said)
    assert (202, applied) == (asked.status_code, asked.headers["Preference-Applied"])


@pytest.mark.parametrize(
    "said", ["wait=-1", "wait=NaN", "wait=99999999999999999999", "handling=strict", "wait", "=,;;"]
)
def test_a_preference_that_is_none_is_passed_over(unanswered, said):
    asked = unanswered.post("/v1/emails", {"user_id": "ann"}, Prefer=said)
    assert (202, None) == (asked.status_code, asked.headers.get("Preference-Applied"))


def events(answer):
    blocks = [block.split("\n") for block in answer.get_data(as_text=True).split("\n\n") if "event: job" in block]
    return [dict(line.split(": ", 1) for line in block) for block in blocks]


def test_a_job_is_followed_to_its_end_and_not_told_twice(unanswered):
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    unanswered.begin_making()
    answer = unanswered.get(f"{job}/events")
    told = events(answer)
    assert ("text/event-stream", "no-store") == (answer.mimetype, answer.headers["Cache-Control"])
    assert '"status": "done"' in told[-1]["data"]
    assert len(told) == len({each["id"] for each in told}) <= 2
    assert 204 == unanswered.get(f"{job}/events", **{"Last-Event-ID": told[-1]["id"]}).status_code


def test_a_stream_ends_before_a_server_that_stops_would_cut_it_off(unanswered, monkeypatch):
    monkeypatch.setattr("services.gateway.following._LONGEST", 0.5)
    monkeypatch.setattr("services.gateway.following._ALIVE", 0.2)
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    (pending,) = events(unanswered.get(f"{job}/events"))
    said = unanswered.get(f"{job}/events", **{"Last-Event-ID": pending["id"]}).get_data(as_text=True)
    assert "event: job" not in said
    assert said.count(": still at it") in {1, 2}


def test_streams_leave_threads_to_others(unanswered):
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    path, headers = f"{job}/events", unanswered.admin
    most = Settings().web_threads // 4
    open_ones = [unanswered.client.get(path, headers=headers) for _ in range(most)]
    for _ in range(3):
        unanswered.client.head(path, headers=headers)
    refused = unanswered.client.get(path, headers=headers)
    assert (503, True) == (refused.status_code, int(refused.headers["Retry-After"]) > 0)
    for each in open_ones:
        each.close()
    assert 200 == unanswered.client.get(path, headers=headers).status_code


def test_another_shops_job_is_not_followed(unanswered):
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    other, none = (
        unanswered.client.get(path, headers=unanswered.key("other"))
        for path in (f"{job}/events", "/v1/jobs/none/events")
    )
    assert (404, 404) == (other.status_code, none.status_code)
    narrow = unanswered.key("demo", "emails:read")
    assert 403 == unanswered.client.get(f"{job}/events", headers=narrow).status_code


def test_a_place_is_given_back():
    streams = Streams(4)
    streams.enter()
    with pytest.raises(UnavailableError):
        streams.enter()
    streams.leave()
    streams.enter()
