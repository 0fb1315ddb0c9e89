"""The documented examples really run: each operation, with its own samples, against a shop that has what they name."""

import pytest
from story.api_ground import known_names, made_of_each, required_query


@pytest.fixture(scope="module")
def document(served):
    with served.app.test_request_context():
        return served.app.spec


@pytest.fixture(scope="module")
def things(served):
    return made_of_each(served)


def path_of(path, operation, things):
    """Fill a path; none if there is nothing of its kind."""
    known = known_names(path, operation, things)
    return None if None in known.values() else path.format(**known)


def calls(document, things):
    """Yield every operation that can be called, what erases and revokes last."""
    listed = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    for path, method, operation in sorted(listed, key=lambda each: each[1] == "delete"):
        filled = path_of(path, operation, things)
        for media, told in operation.get("requestBody", {}).get("content", {"": {}}).items():
            yield (
                f"{method.upper()} {path} {media}",
                method,
                filled,
                media,
                told.get("example"),
                required_query(operation),
            )


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
