"""A person asks to be forgotten: over HTTP, with every service at work."""

from pathlib import Path

from services.email import keeping
from shared.bus.catalogue import ALL_TOPICS
from shared.contracts.codec import decode


def erase(served, user: str) -> str:
    asked = served.delete(f"/v1/users/{user}")
    assert (202, "pending") == (asked.status_code, asked.json["status"])
    job = asked.headers["Location"]
    served.eventually(lambda: served.get(job).json["status"] == "done")
    return job


def files(served) -> set[Path]:
    """Return the objects of all emails and boards."""
    root = served.engines.settings.data / "objects"
    return {path for kind in ("emails", "boards") for path in (root / kind).rglob("*") if path.is_file()}


def test_an_erased_user_is_gone_everywhere(served):
    before = files(served)
    served.buy("eve", "milk", "tea")
    made = {kind: served.post(f"/v1/{kind}", {"user_id": "eve"}) for kind in ("emails", "boards")}
    email, board = (one.headers["Location"] for one in made.values())
    large = f"{board}/picture?scale=2"
    served.eventually(lambda: served.get(large).status_code == 200)
    its = [email, *(f"{email}/{part}" for part in ("html", "text", "headers"))]
    its += [board, f"{board}/json", f"{board}/picture", large]
    its += [f"/v1/decisions/{one.json['decision_id']}" for one in made.values()]
    its += [f"/v1/users/eve{part}" for part in ("", "/purchases", "/interests", "/timeline", "/similar", "/export")]
    assert {200} == {served.get(path).status_code for path in its}
    assert len(files(served) - before) >= 9
    job = erase(served, "eve")
    assert dict.fromkeys(its, 404) == {path: served.get(path).status_code for path in its}
    assert files(served) <= before
    assert not served.get("/v1/users/eve/recommendations").json["known"]
    bus = served.engines.bus
    said = [each.message for end in map(bus.ends, ALL_TOPICS) for each in bus.read(end[0].topic, 0, 0, 10_000)]
    hers = [each for each in said if each.key == b"demo|eve" and not each.forgotten]
    assert ["com.tastegraph.user.erased.v1"] == [decode(each).type for each in hers]
    assert 403 == served.client.get(job, headers=served.key("demo", "emails:read")).status_code


def test_an_email_that_an_erasure_crossed_is_made_anew_of_what_remains(served, monkeypatch):
    served.buy("kim", "saffron")
    keep, kept = keeping.keep, []

    def keep_after_the_erasure(result, *args) -> None:
        if not kept:
            erase(served, "kim")
        kept.append(result.text)
        keep(result, *args)

    monkeypatch.setattr(keeping, "keep", keep_after_the_erasure)
    made = served.post("/v1/emails", {"user_id": "kim"})
    served.eventually(lambda: len(kept) == 2)
    assert (True, False) == ("Saffron" in kept[0], "Saffron" in kept[1])
    assert 202 == made.status_code or "Saffron" not in made.text
