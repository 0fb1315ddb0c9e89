"""What is kept of an email: its bodies, its document, or why there was none; and how many a person got lately."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

from shared.clock import Clock, to_ms
from shared.contracts.requests import EmailGenerated, EmailSkipped
from shared.history.port import Documents
from shared.objects.port import Objects

EMAILS, TALLIES = "emails", "email-tallies"
_REMEMBERED = 100  # emails of a person in a tally; no shop allows as many in any window

Result = EmailGenerated | EmailSkipped


def kept(shop: str, email_id: str, documents: Documents, objects: Objects) -> Result | None:
    """Return what was made before under an id, be it a skip, or none."""
    document = documents.get(EMAILS, shop, email_id)
    if document is None:
        return None
    body = dict(document.body)
    if body.get("status") == "skipped":
        return EmailSkipped.model_validate(body)
    bodies = {each["file"]: objects.get(each["key"]) for each in body["files"]}
    html, text = bodies["email.html"], bodies["email.txt"]
    if html is None or text is None:
        return None
    return EmailGenerated.model_validate({**body, "html": html.data.decode(), "text": text.data.decode()})


def keep(result: Result, shop: str, documents: Documents, objects: Objects) -> None:
    """Keep an email, bodies first, the document last, for that says that all is there; or keep that it was skipped."""
    data = result.model_dump(mode="json", exclude={"html", "text"})
    if isinstance(result, EmailSkipped):
        documents.put(EMAILS, shop, result.email_id, {**data, "status": "skipped"})
        return
    folder = f"emails/{_hash(shop)}/{_hash(result.email_id)}"
    files = {
        "email.html": (result.html, "text/html"),
        "email.txt": (result.text, "text/plain"),
        "email.headers.json": (json.dumps(result.headers, ensure_ascii=False), "application/json"),
    }
    for name, (body, media_type) in files.items():
        objects.put(f"{folder}/{name}", body.encode(), media_type)
    places = [{"file": name, "key": f"{folder}/{name}"} for name in files]
    documents.put(EMAILS, shop, result.email_id, {**data, "files": places})


def count_in(email: EmailGenerated, shop: str, documents: Documents, clock: Clock) -> None:
    """Count an email in its reader's tally, once."""
    held = documents.get(TALLIES, shop, email.user_id)
    before = [each for each in (held.body["emails"] if held else ()) if each["id"] != email.email_id]
    now = {"id": email.email_id, "at": to_ms(clock.now())}
    body = {"user_id": email.user_id, "emails": [*before, now][-_REMEMBERED:]}
    documents.put(TALLIES, shop, email.user_id, body)


def lately(user_id: str, email_id: str, shop: str, window: timedelta, documents: Documents, clock: Clock) -> int:
    """Return how many other emails a person got within the window."""
    held = documents.get(TALLIES, shop, user_id)
    since = to_ms(clock.now() - window)
    return sum(each["at"] >= since and each["id"] != email_id for each in (held.body["emails"] if held else ()))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
