"""What the tests that walk the whole API stand on: a thing of each kind, and paths that name them."""

from __future__ import annotations

import re
from typing import Any

from shared.unsubscribe import sign


def made_of_each(served: Any) -> dict[str, str]:
    """Return an id for each kind of thing that a path names, by the path's beginning."""
    email, board = (served.post(f"/v1/{kind}", {"user_id": "ann"}).json for kind in ("emails", "boards"))
    served.client.put("/v1/suppressions/ann", headers=served.admin)
    return {
        "emails": email["email_id"],
        "boards": board["board_id"],
        "jobs": board["board_id"],
        "decisions": email["decision_id"],
        "keys": served.post("/v1/keys", {"scopes": ["graph:read"]}).json["id"],
        "campaigns": _paused(served),
        "exports": _exported(served),
        "rules": served.post("/v1/rules", {"action": "boost", "product_id": "tea"}).json["rule_id"],
        "unsubscribe": sign("demo", "eva", served.signing),
    }


def _exported(served: Any) -> str:
    """Return an export that is done."""
    id: str = served.post("/v1/exports", {"what": "trends"}).json["id"]
    served.eventually(lambda: served.get(f"/v1/exports/{id}").json["status"] == "done")
    return id


def _paused(served: Any) -> str:
    """Return a campaign that has not ended, nor will."""
    id: str = served.post("/v1/campaigns", {"campaign": "c", "segment": {"users": ["ann"]}}).json["id"]
    served.client.patch(f"/v1/campaigns/{id}", json={"status": "paused"}, headers=served.admin)
    return id


def known_names(path: str, operation: dict[str, Any], things: dict[str, str]) -> dict[str, str | None]:
    """Return what a path's names stand for: the declared samples, else a thing of its kind; none if there is none."""
    samples = {each["name"]: each["example"] for each in operation.get("parameters", ()) if "example" in each}
    return dict.fromkeys(re.findall(r"{(\w+)}", path), things.get(path.split("/")[2])) | samples


def required_query(operation: dict[str, Any]) -> dict[str, str]:
    """Return a sample of each query parameter that has to be there."""
    return {
        each["name"]: each["schema"]["examples"][0]
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each["required"]
    }
