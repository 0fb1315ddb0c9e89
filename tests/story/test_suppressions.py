"""What mailboxes and readers say: it suppresses at once, stands as long as it must, and is given with all else."""

import json

import pytest

from shared.contracts.codec import decode
from shared.contracts.topics import EMAILS
from shared.erasures import MADE
from shared.unsubscribe import sign


def report(served, **said):
    return served.post("/v1/suppressions/events", {"events": [said]}).json["outcomes"]


def reason(served, user: str) -> str:
    return served.get(f"/v1/suppressions/{user}").json["reason"]


@pytest.fixture(autouse=True)
def nobody_suppressed(served):
    yield
    for user in ("ann", "bob", "zoe"):
        served.engines.history.delete("suppressions", "demo", user)


@pytest.mark.parametrize("event", ["hard-bounce", "complaint"])
def test_a_report_suppresses_at_once(served, event):
    assert ["suppressed"] == report(served, user_id="ann", event=event)
    assert event == reason(served, "ann")
    skipped = served.post("/v1/emails", {"user_id": "ann"})
    assert (200, "suppressed") == (skipped.status_code, skipped.json["reason"])
    assert ["known"] == report(served, user_id="ann", event=event)


def test_a_report_may_name_the_email_instead_of_its_reader(served):
    email = served.post("/v1/emails", {"user_id": "bob"}).json["email_id"]
    assert ["suppressed"] == report(served, email_id=email, event="complaint")
    assert "complaint" == reason(served, "bob")
    assert ["unknown-email"] == report(served, email_id="nothing", event="complaint")
    other = served.client.post(
        "/v1/suppressions/events",
        json={"events": [{"email_id": email, "event": "complaint"}]},
        headers=served.key("other"),
    )
    assert ["unknown-email"] == other.json["outcomes"]


@pytest.mark.parametrize(
    "said", [{}, {"event": "hard-bounce"}, {"event": "hard-bounce", "user_id": "a", "email_id": "b"}, {"event": "soft"}]
)
def test_a_report_of_nothing_or_nobody_is_refused(served, said):
    assert 422 == served.post("/v1/suppressions/events", {"events": [said]}).status_code


def test_a_complaint_is_the_readers_own_word_and_a_bounce_is_not(served):
    report(served, user_id="ann", event="complaint")
    report(served, user_id="ann", event="hard-bounce")
    assert "complaint" == reason(served, "ann")
    assert 409 == served.delete("/v1/suppressions/ann").status_code
    report(served, user_id="bob", event="hard-bounce")
    assert 204 == served.delete("/v1/suppressions/bob").status_code


def test_an_email_that_was_made_before_its_reader_unsubscribed_is_not_handed_off_again(served):
    asked = {"user_id": "ann", "campaign": "handing-off"}
    first = served.post("/v1/emails", asked)
    assert 201 == first.status_code
    served.client.post(f"/v1/unsubscribe/{sign('demo', 'ann', served.signing)}")
    assert (200, "suppressed") == (
        served.post("/v1/emails", asked).status_code,
        last_of(served, first.json["email_id"]),
    )


def last_of(served, email_id: str) -> str:
    """Return why the last event about an email says that there is none."""
    bus = served.engines.bus
    records = [each for end in bus.ends(EMAILS) for each in bus.read(end.topic, end.partition, 0, 10_000)]
    events = [event for each in records if (event := decode(each.message).data).email_id == email_id]
    return getattr(events[-1], "reason", "generated")


def test_consent_is_a_resource_that_is_read_and_said(served):
    served.buy("con", "tea")
    path = "/v1/users/con/consent"
    assert (None, False) == tuple(served.get(path).json[name] for name in ("marketing", "suppressed"))
    said = served.client.put(path, json={"marketing": False}, headers=served.admin)
    assert (202, "accepted") == (said.status_code, said.json["outcome"])
    served.eventually(lambda: served.get(path).json["marketing"] is False)
    served.eventually(lambda: served.get("/v1/users/con").json["consent"] is False)  # the graph knows a moment later
    assert "no-consent" == served.post("/v1/emails", {"user_id": "con"}).json["reason"]
    assert 404 == served.get("/v1/users/nobody/consent").status_code
    assert 422 == served.client.put(path, json={"marketing": "yes"}, headers=served.admin).status_code


def test_an_export_holds_everything_that_an_erasure_forgets(served):
    email = served.post("/v1/emails", {"user_id": "ann"}).json["email_id"]
    served.post("/v1/boards", {"user_id": "ann"})
    told = served.get("/v1/users/ann/export").json
    assert {"profile", "contact", "suppression", "events", "jobs", *MADE} == set(told)
    assert all(told[name] for name in ("profile", "events", "emails", "boards", "decisions", "jobs", "email-tallies"))
    exported = next(each for each in told["emails"] if each["email_id"] == email)
    assert served.get(f"/v1/emails/{email}/text").text == exported["text"]
    assert '"key"' not in json.dumps(told["emails"])


def test_who_was_only_written_to_may_have_an_export_too(served):
    assert 404 == served.get("/v1/users/zoe/export").status_code
    served.post("/v1/emails", {"user_id": "zoe"})
    told = served.get("/v1/users/zoe/export").json
    assert (None, 1) == (told["profile"], len(told["emails"]))
