"""An email request becomes an email: read, plan, render, lint, keep, publish, reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.email.headers import headers
from services.email.lint import lint
from services.email.model import Plan, Sender, Silence, plan, silence
from services.email.render import Rendered, render
from shared.bus.port import Bus
from shared.clock import Clock, from_ms, to_ms
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import EmailGenerated, EmailRequested, EmailSkipped, Replied, ReplyStatus
from shared.errors import ConflictError, InvalidInputError, NotFoundError, PermanentError
from shared.history.port import Documents
from shared.knowledge.insight import Insight
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.recommend import Item, Recommendation, recommend
from shared.logs import logger
from shared.metrics import MADE
from shared.objects.port import Objects
from shared.unsubscribe import sign

EMAILS, DECISIONS, SHOPS, CONTACTS, SUPPRESSIONS = "emails", "decisions", "shops", "contacts", "suppressions"
_VERSION = 1
_KEPT = timedelta(days=7)  # an offer older than this is stale
_log = logger("email")


@dataclass(frozen=True)
class EmailPorts:
    """All that making an email needs of the outside."""

    knowledge: KnowledgeReader
    documents: Documents
    objects: Objects
    bus: Bus
    clock: Clock
    public_url: str
    signing_key: str


Result = EmailGenerated | EmailSkipped


def handle(envelope: Envelope[EmailRequested], ports: EmailPorts) -> None:
    """Make the email that is asked for, once per request id; publish it, and reply to who asked.

    Raises:
        TransientError: an engine does not answer; nothing is lost by asking again.
        PermanentError: the request cannot be met, and nobody waits for a reply.
    """
    if envelope.expired(ports.clock.now()):
        _log.info("an expired request was skipped")
        return
    try:
        if not isinstance(envelope.data, EmailRequested):
            raise InvalidInputError("shops' own templates are not served yet")
        result = _made(envelope, ports)
    except PermanentError as error:
        _refuse(envelope, error, ports)
        return
    if not envelope.data.preview:
        ports.bus.publish([encode(envelope.answering(result, id=result.email_id, subject=result.user_id))])
    status = ReplyStatus.DONE if isinstance(result, EmailGenerated) else ReplyStatus.SKIPPED
    _reply(
        envelope,
        Replied(request_id=envelope.data.request_id, status=status, result=result.model_dump(mode="json")),
        ports,
    )


def compose(request: EmailRequested, shop: str, correlation_id: str, ports: EmailPorts) -> Result:
    """Return an email for a user, or why there is none; nothing is kept.

    Raises:
        TransientError: the graph or the documents do not answer.
        NotFoundError: there is no such template.
    """
    return _composed(request, shop, correlation_id, ports)[0]


def kept(shop: str, email_id: str, ports: EmailPorts) -> EmailGenerated | None:
    """Return an email that was made before, or none."""
    document = ports.documents.get(EMAILS, shop, email_id)
    if document is None:
        return None
    body = dict(document.body)
    bodies = {each["file"]: ports.objects.get(each["key"]) for each in body["files"]}
    html, text = bodies["email.html"], bodies["email.txt"]
    if html is None or text is None:
        return None
    return EmailGenerated.model_validate({**body, "html": html.data.decode(), "text": text.data.decode()})


def _made(envelope: Envelope[EmailRequested], ports: EmailPorts) -> Result:
    request, shop = envelope.data, envelope.shop
    if not request.preview and (before := kept(shop, request.request_id, ports)) is not None:
        return before
    result, insight, recommendation = _composed(request, shop, envelope.correlation_id, ports)
    if isinstance(result, EmailGenerated) and not request.preview:
        _keep(result, shop, insight, recommendation, ports)
        MADE.labels(kind="email", fallback=result.fallback or "none").inc()
    return result


def _composed(
    request: EmailRequested, shop: str, correlation_id: str, ports: EmailPorts
) -> tuple[Result, Insight, Recommendation]:
    insight = ports.knowledge.insight(shop, request.user_id, to_ms(request.at) if request.at else None)
    recommendation = recommend(insight)
    suppressed = ports.documents.get(SUPPRESSIONS, shop, request.user_id) is not None
    if quiet := silence(insight, recommendation, suppressed=suppressed):
        return _skipped(request, quiet), insight, recommendation
    wanted = _plan(request, shop, insight, recommendation, ports)
    planned, rendered = _rendered(wanted, correlation_id)
    at = request.at or from_ms(max(0, insight.at))
    basis = "consent" if insight.consent else "customer relation"
    return _generated(request, planned, rendered, recommendation, at, basis), insight, recommendation


def _plan(
    request: EmailRequested, shop: str, insight: Insight, recommendation: Recommendation, ports: EmailPorts
) -> Plan:
    profile = ports.documents.get(SHOPS, shop, shop)
    contact = ports.documents.get(CONTACTS, shop, request.user_id)
    link = f"{ports.public_url}/v1/unsubscribe/{sign(shop, request.user_id, ports.signing_key)}"
    return plan(
        insight,
        recommendation,
        Sender.of(shop, profile.body if profile else None),
        link,
        template=request.template,
        first_name=contact.body.get("first_name") if contact else None,
    )


def _rendered(wanted: Plan, correlation_id: str) -> tuple[Plan, Rendered]:
    """Render; an email that fails, or fails the lint, is served without its cards, and says so."""
    try:
        rendered = render(wanted)
        if found := lint(rendered, wanted.unsubscribe_url):
            raise InvalidInputError("the email failed the lint", found)  # noqa: TRY301 (served below like any failure)
    except Exception:  # noqa: BLE001 (whatever failed, the reader gets an email, and the log the trace)
        _log.exception(
            "an email failed, a plain one is served", template=wanted.template, correlation_id=correlation_id
        )
        plain = replace(
            wanted,
            template="generic",
            sections=(),
            items=(),
            fallback="generic",
            fallback_reason="template-failed",
        )
        return plain, render(plain)
    return wanted, rendered


def _generated(
    request: EmailRequested, planned: Plan, rendered: Rendered, recommendation: Recommendation, at: datetime, basis: str
) -> EmailGenerated:
    return EmailGenerated(
        email_id=request.request_id,
        user_id=request.user_id,
        decision_id=recommendation.decision_id,
        template=planned.template,
        template_version=_VERSION,
        fallback=planned.fallback,
        fallback_reason=planned.fallback_reason,
        subject=planned.subject,
        preheader=planned.preheader,
        html=rendered.html,
        text=rendered.text,
        headers=headers(planned, request.request_id, recommendation.decision_id),
        products=[item.as_json() for item in planned.items],
        consent_basis=basis,
        generated_at=at,
        expires_at=at + _KEPT,
    )


def _skipped(request: EmailRequested, quiet: Silence) -> EmailSkipped:
    return EmailSkipped(email_id=request.request_id, user_id=request.user_id, reason=quiet.reason, detail=quiet.detail)


def _keep(
    email: EmailGenerated, shop: str, insight: Insight, recommendation: Recommendation, ports: EmailPorts
) -> None:
    """Bodies first, the document last: it says that all is there."""
    folder = f"emails/{_hash(shop)}/{_hash(email.email_id)}"
    files = {
        "email.html": (email.html, "text/html"),
        "email.txt": (email.text, "text/plain"),
        "email.headers.json": (json.dumps(email.headers, ensure_ascii=False), "application/json"),
    }
    for name, (body, media_type) in files.items():
        ports.objects.put(f"{folder}/{name}", body.encode(), media_type)
    _keep_decision(email, shop, insight, recommendation, ports)
    data = email.model_dump(mode="json", exclude={"html", "text"})
    data["products"] = json.loads(json.dumps(data["products"]))
    ports.documents.put(
        EMAILS, shop, email.email_id, {**data, "files": [{"file": name, "key": f"{folder}/{name}"} for name in files]}
    )


def _keep_decision(
    email: EmailGenerated, shop: str, insight: Insight, recommendation: Recommendation, ports: EmailPorts
) -> None:
    def shown(items: tuple[Item, ...]) -> list[dict[str, Any]]:
        return [item.as_json() for item in items]

    body = {
        "user_id": email.user_id,
        "served_by": recommendation.served_by,
        "buy_again": shown(recommendation.buy_again),
        "discover": shown(recommendation.discover),
        "insight": json.dumps(asdict(insight), default=str, sort_keys=True),
    }
    try:
        ports.documents.put(DECISIONS, shop, email.decision_id, body, expect=0)
    except ConflictError:
        _log.debug("the decision is known", decision_id=email.decision_id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _refuse(envelope: Envelope[EmailRequested], error: PermanentError, ports: EmailPorts) -> None:
    if not envelope.extensions.get("replyto"):
        raise error
    code = "not-found" if isinstance(error, NotFoundError) else error.code
    problem = {"code": code, "detail": str(error)}
    _reply(envelope, Replied(request_id=envelope.data.request_id, status=ReplyStatus.FAILED, problem=problem), ports)


def _reply(envelope: Envelope[EmailRequested], reply: Replied, ports: EmailPorts) -> None:
    asker = envelope.extensions.get("replyto")
    if asker:
        answer = envelope.answering(reply, id=f"{reply.request_id}.reply", subject=envelope.subject)
        ports.bus.publish([encode(replace(answer, extensions={**answer.extensions, "replyto": asker}))])
