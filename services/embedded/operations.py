"""What the command line can have done: each operation runs on a runtime, here or in the process that owns the data."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.email import handlers as email
from services.embedded.arguments import known_shop, later, moment_of
from services.embedded.exports import EXPORTS
from services.embedded.importing import run_import
from services.embedded.runtime import Runtime
from services.embedded.steering import STEERING, read
from services.gateway.questions import KeyLimits
from services.graph import rebuild as graph
from services.visionboard import handlers as visionboard
from shared import audit, auth
from shared.bus import deadletters
from shared.clock import to_ms
from shared.contracts.requests import BoardRequested, EmailRequested, EmailSkipped
from shared.decisions import under_rules
from shared.errors import NotFoundError, UsageError
from shared.knowledge.insight import Insight
from shared.knowledge.recommend import recommend as decide
from shared.web.allowances import within

_MANY = 200  # users for whom reading all neighbours of a shop once is quicker than each one's own

Arguments = Mapping[str, Any]
Lines = Iterator[dict[str, Any]]
Operation = Callable[[Runtime, Arguments], Lines]


def keys_create(runtime: Runtime, arguments: Arguments) -> Lines:
    """Make an API key for a shop."""
    engines = runtime.engines
    environment, ends = engines.settings.environment, later(arguments.get("expires"), engines.clock)
    limits = within(read(KeyLimits, arguments.get("limits") or {}).model_dump(exclude_none=True), engines.settings)
    text, document = auth.create_key(
        engines.history,
        arguments["shop"],
        arguments["scopes"],
        environment,
        engines.clock,
        ends,
        arguments.get("name"),
    )
    if limits:
        document = auth.limit_key(engines.history, document, limits)
    _audit(runtime, document.body["shop"], "key.created", document.id, " ".join(document.body["scopes"]))
    yield {"result": {"key": text, "id": document.id, **_key_facts(document.body)}}


def keys_rotate(runtime: Runtime, arguments: Arguments) -> Lines:
    """Make a key that takes another's place; the old one works on for a while."""
    engines, overlap = runtime.engines, timedelta(hours=int(arguments["hours"]))
    environment, old = engines.settings.environment, arguments["id"]
    text, document = auth.rotate(engines.history, old, overlap, environment, engines.clock)
    _audit(runtime, document.body["shop"], "key.rotated", old, document.id)
    yield {"result": {"key": text, "id": document.id, **_key_facts(document.body)}}


def keys_list(runtime: Runtime, arguments: Arguments) -> Lines:
    """List API keys; never their texts."""
    for document in auth.list_keys(runtime.engines.history, arguments.get("shop")):
        used = auth.last_used(runtime.engines.history, document.id)
        yield {"result": {"id": document.id, **_key_facts(document.body), "last_used_at": used}}


def keys_revoke(runtime: Runtime, arguments: Arguments) -> Lines:
    """End an API key."""
    ended = auth.revoke(runtime.engines.history, arguments["id"], runtime.engines.clock)
    _audit(runtime, ended.body["shop"], "key.revoked", ended.id)
    yield {"result": {"id": arguments["id"], "revoked": True}}


def _key_facts(body: Mapping[str, Any]) -> dict[str, Any]:
    facts = ("shop", "name", "scopes", "created_at", "expires_at", "revoked_at", "replaces", "replaced_by", "limits")
    return {name: body.get(name) for name in facts}


def _audit(runtime: Runtime, shop: str, action: audit.Action, target: str, detail: str = "") -> None:
    audit.note(runtime.engines.history, runtime.engines.clock, shop, audit.CLI, action, target, detail=detail)


def _audit_all(runtime: Runtime, action: audit.Action) -> None:
    history = runtime.engines.history
    audit.note_for_all(history, runtime.engines.clock, history.shops(), audit.CLI, action)


def audit_list(runtime: Runtime, arguments: Arguments) -> Lines:
    """List who did what in a shop, newest first."""
    token, left = "", int(arguments["limit"])
    while left > 0:
        page = audit.trail(runtime.engines.history, arguments["shop"], page_token=token, page_size=min(left, 100))
        for each in page.items:
            yield {"result": {"id": each.id, **each.body}}
        left, token = left - len(page.items), page.next_token
        if not token:
            return


def import_file(runtime: Runtime, arguments: Arguments) -> Lines:
    """Take a file in, through the same intake as HTTP."""
    yield from run_import(
        runtime,
        auth.shop_name(arguments["shop"]),
        arguments["kind"],
        Path(arguments["file"]),
        arguments.get("columns", {}),
        arguments.get("constants", {}),
    )


def refresh(runtime: Runtime, arguments: Arguments) -> Lines:
    """Refresh a shop's neighbours and popularity now, once the graph holds what the log holds."""
    runtime.settle()
    fitted = runtime.graph.refresher.refresh(arguments["shop"])
    yield {"result": {"refreshed": arguments["shop"], "parameters": asdict(fitted.parameters), "fit": fitted.as_json()}}


def recommend(runtime: Runtime, arguments: Arguments) -> Lines:
    """Say what to offer users: a line each; of a moment in the past, with what was known then."""
    shop = known_shop(runtime, arguments["shop"])
    runtime.settle()
    moment = moment_of(arguments.get("at"))
    at = to_ms(moment) if moment else None
    runtime.graph.refresher.freshen(shop)
    hindsight = None if at is None else runtime.graph.refresher.hindsight(shop, at)
    knowledge, users = runtime.engines.knowledge, arguments["users"]
    near = knowledge.near(shop) if at is None and len(users) >= _MANY else None
    for user_id in users:
        insight = knowledge.insight(shop, user_id, at, hindsight, near)
        decided = decide(_ruled(runtime, insight, at), arguments.get("limit", 10))
        slates = {
            name: [item.as_json() for item in getattr(decided, name)] for name in ("buy_again", "discover", "top")
        }
        yield {
            "result": {"user_id": user_id, **slates, "served_by": decided.served_by, "decision_id": decided.decision_id}
        }


def _ruled(runtime: Runtime, insight: Insight, at: int | None) -> Insight:
    moment = to_ms(runtime.engines.clock.now()) if at is None else at
    return under_rules(insight, moment, runtime.engines.knowledge, runtime.engines.history)


def make_email(runtime: Runtime, arguments: Arguments) -> Lines:
    """Make an email for a user; its files travel in the answer."""
    known_shop(runtime, arguments["shop"])
    runtime.settle()
    request = EmailRequested(
        request_id="cli",
        user_id=arguments["user"],
        template=arguments.get("template"),
        at=moment_of(arguments.get("at")),
    )
    made = email.compose(request, arguments["shop"], "cli", runtime.email.ports)
    if isinstance(made, EmailSkipped):
        yield {"result": {"skipped": made.reason, "detail": made.detail}}
        return
    head = made.model_dump(mode="json", include={"decision_id", "template", "fallback", "fallback_reason", "subject"})
    headers = "".join(f"{name}: {value}\n" for name, value in made.headers.items())
    files = {"html": made.html, "text": made.text, "headers": headers}
    yield {"result": head, "files": {name: _packed(body.encode()) for name, body in files.items()}}


def make_board(runtime: Runtime, arguments: Arguments) -> Lines:
    """Make a board for a user; its files travel in the answer."""
    known_shop(runtime, arguments["shop"])
    runtime.settle()
    request = BoardRequested(
        request_id=f"cli-{arguments.get('layout') or 'wide'}",
        user_id=arguments["user"],
        layout=arguments.get("layout"),
        at=moment_of(arguments.get("at")),
    )
    made = visionboard.compose(request, arguments["shop"], "cli", runtime.visionboard.ports)
    head = made.model_dump(mode="json", include={"decision_id", "layout", "fallback", "fallback_reason"})
    wanted = {"json": "board.json", "picture": "board.png", "webp": "board.webp", "svg": "board.svg"}
    files = {name: runtime.engines.objects.get(made.pictures[file]) for name, file in wanted.items()}
    yield {"result": head, "files": {name: _packed(each.data) for name, each in files.items() if each}}


def graph_verify(runtime: Runtime, _: Arguments) -> Lines:
    """Compare the graph with the ledger."""
    runtime.settle()
    yield {"result": graph.verify(runtime.graph.ports).as_json()}


def graph_rebuild(runtime: Runtime, _: Arguments) -> Lines:
    """Make the graph anew from the ledger, prove it, and switch to it."""
    done = graph.rebuild(runtime.graph.ports)
    _audit_all(runtime, "graph.rebuilt")
    yield {"result": _shown(done)}


def graph_repair(runtime: Runtime, _: Arguments) -> Lines:
    """Mend the rows that differ."""
    runtime.settle()
    done = graph.repair(runtime.graph.ports)
    _audit_all(runtime, "graph.repaired")
    yield {"result": _shown(done)}


def graph_snapshot(runtime: Runtime, arguments: Arguments) -> Lines:
    """Copy the graph into an empty directory."""
    graph.snapshot(runtime.graph.ports, arguments["directory"])
    yield {"result": {"directory": arguments["directory"]}}


def graph_restore(runtime: Runtime, arguments: Arguments) -> Lines:
    """Go back to a copy, then on to what the ledger holds."""
    graph.restore(runtime.graph.ports, arguments["directory"])
    _audit_all(runtime, "graph.restored")
    yield {"result": {"directory": arguments["directory"]}}


def _shown(report: Any) -> dict[str, Any]:
    return dict(report.as_json()) if hasattr(report, "as_json") else {"done": True}


def deadletters_list(runtime: Runtime, arguments: Arguments) -> Lines:
    """List what could not be processed."""
    for each in deadletters.list_dead_letters(runtime.engines.bus, shop=arguments.get("shop")):
        yield {"result": each.as_json()}


def deadletters_show(runtime: Runtime, arguments: Arguments) -> Lines:
    """Show one of them."""
    each = deadletters.show(runtime.engines.bus, arguments["id"])
    if each is None:
        raise NotFoundError(f"there is no dead letter {arguments['id']}")
    yield {"result": each.as_json()}


def deadletters_replay(runtime: Runtime, arguments: Arguments) -> Lines:
    """Offer them again on their topics, byte for byte."""
    bus = runtime.engines.bus
    replayed = deadletters.replay(bus, arguments["ids"])
    for each in replayed:
        if shop := deadletters.show(bus, each.id).shop:  # what came without a readable key is nobody's
            _audit(runtime, shop, "deadletter.replayed", each.id)
    yield {"result": {"replayed": len(replayed)}}


OPERATIONS: dict[str, Operation] = {
    "keys.create": keys_create,
    "keys.rotate": keys_rotate,
    "keys.list": keys_list,
    "audit": audit_list,
    "keys.revoke": keys_revoke,
    "import": import_file,
    "refresh": refresh,
    "recommend": recommend,
    "email": make_email,
    "board": make_board,
    "graph.verify": graph_verify,
    "graph.rebuild": graph_rebuild,
    "graph.repair": graph_repair,
    "graph.snapshot": graph_snapshot,
    "graph.restore": graph_restore,
    "deadletters.list": deadletters_list,
    "deadletters.show": deadletters_show,
    "deadletters.replay": deadletters_replay,
    **EXPORTS,
    **STEERING,
}


def run(runtime: Runtime, operation: str, arguments: Arguments) -> Lines:
    """Run an operation by name.

    Raises:
        UsageError: there is none of that name.
    """
    if operation not in OPERATIONS:
        raise UsageError(f"no operation is called {operation}")
    yield from OPERATIONS[operation](runtime, arguments)


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()
