"""The documented examples really run: each operation, with its own samples, against a shop that has what they name."""

import re

import pytest

from shared.unsubscribe import sign


@pytest.fixture(scope="module")
def document(served):
    with served.app.test_request_context():
        return served.app.spec


@pytest.fixture(scope="module")
def things(served):
    """Return an id for each kind of thing that a path names, by the path's beginning."""
    email, board = (served.post(f"/v1/{kind}", {"user_id": "ann"}).json for kind in ("emails", "boards"))
    served.client.put("/v1/suppressions/ann", headers=served.admin)
    return {
        "emails": email["email_id"],
        "boards": board["board_id"],
        "jobs": board["board_id"],
        "decisions": email["decision_id"],
        "keys": served.post("/v1/keys", {"scopes": ["graph:read"]}).json["id"],
        "campaigns": paused(served),
        "exports": exported(served),
        "rules": served.post("/v1/rules", {"action": "boost", "product_id": "tea"}).json["rule_id"],
        "unsubscribe": sign("demo", "eva", served.signing),
    }


def exported(served):
    """Return an export that is done."""
    id = served.post("/v1/exports", {"what": "trends"}).json["id"]
    served.eventually(lambda: served.get(f"/v1/exports/{id}").json["status"] == "done")
    return id


def paused(served):
    """Return a campaign that has not ended, nor will."""
    id = served.post("/v1/campaigns", {"campaign": "c", "segment": {"users": ["ann"]}}).json["id"]
    served.client.patch(f"/v1/campaigns/{id}", json={"status": "paused"}, headers=served.admin)
    return id


def path_of(path, operation, things):
    """Fill a path: with the declared samples, else with the id of a thing of its kind; none if there is none."""
    samples = {each["name"]: each["example"] for each in operation["parameters"] if "example" in each}
    names = re.findall(r"{(\w+)}", path)
    known = samples | dict.fromkeys(names, things.get(path.split("/")[2])) | samples
    return None if any(known[name] is None for name in names) else path.format(**known)


def query_of(operation):
    return {
        each["name"]: each["schema"]["examples"][0]
        for each in operation["parameters"]
        if each["in"] == "query" and each["required"]
    }


def calls(document, things):
    """Yield every operation that can be called, what erases and revokes last."""
    listed = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    for path, method, operation in sorted(listed, key=lambda each: each[1] == "delete"):
        filled = path_of(path, operation, things)
        for media, told in operation.get("requestBody", {}).get("content", {"": {}}).items():
            yield f"{method.upper()} {path} {media}", method, filled, media, told.get("example"), query_of(operation)


# Dead letters need one, communities more people; templates have stories of their own.
SILENT = ("communities/{", "deadletters/{", "templates/{")


def test_every_documented_example_is_answered_as_documented(served, document, things):
    failed, tried = {}, 0
    for name, method, path, media, body, query in calls(document, things):
        if path is None:
            assert any(part in name for part in SILENT), name
            continue
        if media.endswith("x-ndjson"):
            continue
        sent = {"json": body} if body is not None else {}
        content = {"content_type": media} if media and body is not None else {}
        answer = served.client.open(
            path, method=method.upper(), query_string=query, headers=served.admin, **sent, **content
        )
        tried += 1
        if path.startswith("/v1/graph/") and method == "post":  # a shop has one such job at a time
            job = answer.headers["Location"]
            served.eventually(lambda job=job: served.get(job).json["status"] == "done")
        if answer.status_code >= 300:
            failed[name] = (answer.status_code, answer.text[:300])
    assert failed == {}
    assert tried > 40
