"""Every job ends: what nobody did in time is expired, what is asked for again has its time anew."""

from datetime import timedelta

import pytest

from services.gateway.asking import EXPIRES, JOBS
from services.gateway.model import ERASURE_EXPIRES_MS
from shared.bus.port import Message
from shared.clock import FixedClock
from shared.errors import OutcomeUnknownError, UnavailableError

CAMPAIGN = {"user_id": "ann", "campaign": "spring"}


@pytest.fixture
def later(unanswered, monkeypatch):
    """Let time pass for the gateway and all who make."""

    def pass_by(span: timedelta) -> None:
        clock = FixedClock(unanswered.engines.clock.now() + span)
        monkeypatch.setattr(unanswered.engines.clock, "now", clock.now, raising=False)

    return pass_by


def stored(gateway, job: str) -> str:
    return gateway.engines.history.get(JOBS, "demo", job.rpartition("/")[2]).body["status"]


def test_a_job_whose_request_came_too_late_is_closed_by_whoever_skipped_it(unanswered, later):
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    later(EXPIRES + timedelta(seconds=1))
    unanswered.begin_making()
    unanswered.eventually(lambda: stored(unanswered, job) == "expired")
    found = unanswered.get(job).json
    assert ("expired", "/problems/expired") == (found["status"], found["problem"]["type"])


def test_what_is_asked_for_again_has_its_time_anew_and_the_late_first_one_does_not_end_it(unanswered, later):
    job = unanswered.post("/v1/emails", CAMPAIGN).headers["Location"]
    later(EXPIRES + timedelta(seconds=1))
    assert "expired" == unanswered.get(job).json["status"]
    assert job == unanswered.post("/v1/emails", CAMPAIGN).headers["Location"]
    assert "pending" == unanswered.get(job).json["status"]
    unanswered.begin_making()
    unanswered.eventually(lambda: unanswered.get(job).json["status"] == "skipped")  # an empty shop has nothing to say


def test_an_erasure_whose_request_was_lost_ends_as_expired(unanswered, later, monkeypatch):
    monkeypatch.setattr(unanswered.engines.bus, "publish", lambda _: [])
    job = unanswered.delete("/v1/users/ann").headers["Location"]
    assert "pending" == unanswered.get(job).json["status"]
    later(timedelta(milliseconds=ERASURE_EXPIRES_MS + 1))
    found = unanswered.get(job).json
    assert ("expired", "/problems/expired") == (found["status"], found["problem"]["type"])


@pytest.mark.parametrize(("error", "left"), [(UnavailableError, 0), (OutcomeUnknownError, 1)])
def test_an_erasure_that_was_not_taken_leaves_no_job_and_one_that_may_have_been_does(
    unanswered, monkeypatch, error, left
):
    def refuse(messages: list[Message]) -> None:
        raise error(f"{len(messages)} not taken")

    monkeypatch.setattr(unanswered.engines.bus, "publish", refuse)
    assert 503 == unanswered.delete("/v1/users/ann").status_code
    assert left == len(unanswered.engines.history.find(JOBS, "demo").items)


def test_a_key_still_names_its_request_after_a_restart(unanswered, tmp_path):
    path, key = "/v1/users/ann/interests", {**unanswered.admin, "Idempotency-Key": "k"}
    before = unanswered.client.post(path, json={"name": "Tea"}, headers=key)
    unanswered.close()
    again = type(unanswered)(tmp_path)
    answers = [again.client.post(path, json={"name": name}, headers=key) for name in ("Tea", "Coffee")]
    again.close()
    assert (202, before.data) == (before.status_code, answers[0].data)
    assert (422, "/problems/idempotency-key-reused") == (answers[1].status_code, answers[1].json["type"])
