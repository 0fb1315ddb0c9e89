"""How much a key may ask for, and what it is told."""

import threading

import pytest
from story.conftest import Gateway

from shared.web.allowances import RouteClass, class_of, looser
from shared.web.limiting import QUOTA_EXCEEDED

SMALL = {
    "limit_read": "5/60",
    "limit_write": "10/60",
    "limit_make": "40/60/1",
    "limit_admin": "30/60",
    "quota_emails": "2/0",
}


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A gateway with small limits, and every service at work."""
    one = Gateway(tmp_path_factory.mktemp("limits"), **SMALL)
    one.begin_making()
    one.buy("ann", "milk", "tea")
    yield one
    one.close()


def interests(count):
    return [{"user_id": "ann", "name": f"tea {n}"} for n in range(count)]


def refused(answer, policy):
    assert 429 == answer.status_code, answer.json
    assert ("application/problem+json", QUOTA_EXCEEDED) == (answer.mimetype, answer.json["type"])
    assert [policy] == answer.json["violated-policies"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert f'"{policy}";' in answer.headers["RateLimit-Policy"]
    return answer


def test_answers_tell_the_limit_and_how_it_stands_and_the_last_is_refused(bounded):
    key = bounded.key("demo", "profiles:read")
    first = bounded.get("/v1/users/ann", **key)
    assert ('"read";q=5;w=60', '"read";r=4;t=12') == (
        first.headers["RateLimit-Policy"],
        first.headers["RateLimit"],
    )
    assert [404] * 4 == [bounded.get("/v1/users/nobody", **key).status_code for _ in range(4)]
    late = refused(bounded.get("/v1/users/ann", **key), "read")
    assert '"read";r=0;t=' in late.headers["RateLimit"]
    assert int(late.headers["Retry-After"]) <= 12
    assert 200 == bounded.get("/v1/users/ann", **bounded.key("demo", "profiles:read")).status_code


def test_what_is_open_to_all_is_not_counted_and_what_is_forbidden_neither(bounded):
    key = bounded.key("demo", "profiles:read")
    for _ in range(8):
        assert "RateLimit" not in bounded.get("/livez").headers
        assert 403 == bounded.get("/v1/keys", **key).status_code
    assert 200 == bounded.get("/v1/users/ann", **key).status_code


def test_every_item_of_an_array_counts_and_a_refused_one_takes_nothing_in(bounded):
    key = bounded.key("demo", "events:write")
    taken = bounded.post("/v1/interests", interests(7), **key)
    assert ('"write";q=10;qu="items";w=60', 202) == (taken.headers["RateLimit-Policy"], taken.status_code)
    ends = bounded.engines.bus.ends("commerce.interests.v1")
    late = refused(bounded.post("/v1/interests", interests(7), **key), "write")
    assert ends == bounded.engines.bus.ends("commerce.interests.v1")
    assert int(late.headers["Retry-After"]) <= 30


def test_a_body_larger_than_the_quota_is_taken_when_that_is_whole_and_owed(bounded):
    key = bounded.key("demo", "events:write")
    assert 202 == bounded.post("/v1/interests", interests(11), **key).status_code
    late = refused(bounded.post("/v1/interests", interests(1), **key), "write")
    assert int(late.headers["Retry-After"]) > 6, "the debt first"


def test_a_key_brings_limits_of_its_own_no_looser_than_everybodys(bounded):
    asked = {"scopes": ["profiles:read"], "limits": {"read": "1/60"}}
    made = bounded.post("/v1/keys", asked)
    assert (201, {"read": "1/60"}) == (made.status_code, made.json["limits"])
    key = {"Authorization": f"Bearer {made.json['key']}"}
    assert 200 == bounded.get("/v1/users/ann", **key).status_code
    refused(bounded.get("/v1/users/ann", **key), "read")
    loose = bounded.post("/v1/keys", {**asked, "limits": {"read": "6/60", "make": "1/60"}})
    assert (422, ["/limits/read", "/limits/make"]) == (
        loose.status_code,
        [each["pointer"] for each in loose.json["errors"]],
    )


def test_no_more_requests_of_a_key_are_in_work_at_once_than_may_be(bounded):
    key, answers = bounded.key("demo", "boards:write"), []
    start = threading.Barrier(4)

    def ask():
        start.wait()
        answers.append(bounded.app.test_client().post("/v1/boards", json={"user_id": "ann"}, headers=key))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    by_status = sorted(each.status_code for each in answers)
    assert (201, 429) == (by_status[0], by_status[-1])
    refused(next(each for each in answers if each.status_code == 429), "make-at-once")
    assert 201 == bounded.post("/v1/boards", {"user_id": "ann"}, **key).status_code


def test_emails_have_a_quota_that_previews_and_failures_leave_alone(bounded):
    key = bounded.key("demo", "emails:write")
    assert 200 == bounded.post("/v1/emails", {"user_id": "ann", "preview": True}, **key).status_code
    assert 422 == bounded.post("/v1/emails", {"user_id": "ann", "template": "none"}, **key).status_code
    made = [bounded.post("/v1/emails", {"user_id": "ann"}, **key) for _ in range(2)]
    assert [201, 201] == [each.status_code for each in made]
    assert '"emails-day";q=2;w=86400' in made[1].headers["RateLimit-Policy"]
    assert '"emails-day";r=0;t=' in made[1].headers["RateLimit"]
    late = {**key, "Idempotency-Key": "late"}
    for _ in range(2):  # a refusal for now is not kept under the key
        refused(bounded.post("/v1/emails", {"user_id": "ann"}, **late), "emails-day")
        bounded.engines.history.delete("quotas", "demo", "emails")
        assert 201 == bounded.post("/v1/emails", {"user_id": "ann"}, **late).status_code
        bounded.engines.history.put("quotas", "demo", "emails", _full(bounded))
        late["Idempotency-Key"] += "r"


def _full(gateway):
    now = gateway.engines.clock.now()
    return {"day": {"name": f"{now:%Y-%m-%d}", "count": 2}, "month": {"name": f"{now:%Y-%m}", "count": 2}}


@pytest.mark.parametrize(
    ("scopes", "method", "expected"),
    [
        ({"profiles:read"}, "GET", RouteClass.READ),
        ({"emails:read", "profiles:erase"}, "GET", RouteClass.READ),
        ({"profiles:export"}, "GET", RouteClass.ADMIN),
        ({"admin"}, "GET", RouteClass.ADMIN),
        ({"deadletters:replay"}, "POST", RouteClass.ADMIN),
        ({"events:write"}, "POST", RouteClass.WRITE),
        ({"emails:write"}, "PUT", RouteClass.WRITE),
        ({"emails:write"}, "POST", RouteClass.MAKE),
    ],
)
def test_a_routes_class_follows_from_what_it_needs(scopes, method, expected):
    assert expected == class_of(frozenset(scopes), method)


@pytest.mark.parametrize(
    ("text", "than", "expected"),
    [
        ("5/60", "5/60", False),
        ("5/30", "5/60", True),
        ("6/60", "5/60", True),
        ("1/60", "5/60/2", True),
        ("1/60/3", "5/60/2", True),
        ("1/60/2", "5/60/2", False),
        ("9/1", "", False),
    ],
)
def test_a_limit_is_looser_if_it_allows_anything_that_the_other_does_not(text, than, expected):
    assert expected is looser(text, than)
