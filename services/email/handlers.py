"""An email request becomes an email: read, plan, render, lint, keep, publish, reply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.email import custom, keeping
from services.email.headers import headers
from services.email.keeping import Result
from services.email.lint import lint
from services.email.model import Plan, Reader, Sender, Silence, plan, silence
from services.email.render import Rendered, render
from services.email.sandbox.pool import Sandbox
from shared.bus.port import Bus
from shared.clock import Clock, from_ms
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import EmailGenerated, EmailRequested, EmailSkipped, ReplyStatus, TemplateCheckRequested
from shared.contracts.templates import BUILT_IN, Template
from shared.decisions import decided, keep_decision
from shared.erasures import unless_erased
from shared.errors import InvalidInputError, PermanentError
from shared.history.port import Documents
from shared.knowledge.insight import Insight
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.recommend import Recommendation
from shared.logs import logger
from shared.metrics import MADE
from shared.objects.port import Objects
from shared.replies import expire, refuse, reply
from shared.unsubscribe import sign

SHOPS, CONTACTS, SUPPRESSIONS = "shops", "contacts", "suppressions"
_KEPT = timedelta(days=7)  # an offer older than this is stale
_log = logger("email")


@dataclass(frozen=True)
class Cap:
    """How many emails a person gets at most within a window; 0 means that nobody counts."""

    emails: int = 0
    window: timedelta = timedelta(days=7)


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
    sandbox: Sandbox
    cap: Cap = Cap()


def handle(envelope: Envelope[EmailRequested] | Envelope[TemplateCheckRequested], ports: EmailPorts) -> None:
    """Do what is asked for, once per request id; publish what came of it, and reply to who asked.

    Raises:
        TransientError: an engine does not answer; nothing is lost by asking again.
        PermanentError: the request cannot be met, and nobody waits for a reply.
    """
    if envelope.expired(ports.clock.now()):
        _log.info("an expired request was skipped")
        expire(envelope, ports.bus)
        return
    checking = isinstance(envelope.data, TemplateCheckRequested)
    try:
        if checking:
            _check(envelope, ports)  # type: ignore[arg-type]
        else:
            _make(envelope, ports)  # type: ignore[arg-type]
    except PermanentError as error:
        refuse(envelope, error, ports.bus, ports.clock, kind="template" if checking else "email")


def compose(request: EmailRequested, shop: str, correlation_id: str, ports: EmailPorts) -> Result:
    """Return an email for a user, or why there is none; nothing is kept.

    Raises:
        TransientError: the graph or the documents do not answer.
        NotFoundError: there is no such template.
    """
    return _composed(request, shop, correlation_id, ports)[0]


def _check(envelope: Envelope[TemplateCheckRequested], ports: EmailPorts) -> None:
    custom.check(envelope.data.draft, envelope.shop, ports.public_url, ports.sandbox)
    reply(envelope, ReplyStatus.DONE, ports.bus, ports.clock, kind="template")


def _make(envelope: Envelope[EmailRequested], ports: EmailPorts) -> None:
    result = _handed_off(_made(envelope, ports), envelope.shop, ports)
    if not envelope.data.preview:
        ports.bus.publish([encode(envelope.answering(result, id=result.email_id, subject=result.user_id))])
    status = ReplyStatus.DONE if isinstance(result, EmailGenerated) else ReplyStatus.SKIPPED
    reply(envelope, status, ports.bus, ports.clock, kind="email", result=result.model_dump(mode="json"))


def _handed_off(result: Result, shop: str, ports: EmailPorts) -> Result:
    """Return what may leave: an email that was kept before, or took a while, may be older than its reader's word."""
    suppressed = Silence("suppressed", "the user was suppressed after the email was made")
    if isinstance(result, EmailGenerated) and ports.documents.get(SUPPRESSIONS, shop, result.user_id) is not None:
        return _skip(result.email_id, result.user_id, suppressed, result.decision_id)
    return result


def _made(envelope: Envelope[EmailRequested], ports: EmailPorts) -> Result:
    request, shop = envelope.data, envelope.shop
    if request.preview:
        return compose(request, shop, envelope.correlation_id, ports)
    before = keeping.kept(shop, request.email_id, ports.documents, ports.objects)
    if before is not None:
        return before
    with unless_erased(shop, request.user_id, ports.documents, ports.objects):
        result, insight, recommendation = _composed(request, shop, envelope.correlation_id, ports)
        keep_decision(insight, recommendation, ports.documents)
        if isinstance(result, EmailGenerated):
            keeping.count_in(result, shop, ports.documents, ports.clock)
        keeping.keep(result, shop, ports.documents, ports.objects)
    if isinstance(result, EmailGenerated):
        MADE.labels(kind="email", fallback=result.fallback or "none").inc()
    return result


def _composed(
    request: EmailRequested, shop: str, correlation_id: str, ports: EmailPorts
) -> tuple[Result, Insight, Recommendation]:
    own = _own_template(request, shop, ports)
    insight, recommendation = decided(
        shop, request.user_id, ports.knowledge, ports.documents, now=ports.clock.now(), at=request.at
    )
    suppressed = ports.documents.get(SUPPRESSIONS, shop, request.user_id) is not None
    capped = _capped(request, shop, ports)
    if quiet := silence(insight, recommendation, suppressed=suppressed, capped=capped):
        return _skip(request.email_id, request.user_id, quiet, recommendation.decision_id), insight, recommendation
    wanted = _plan(request, shop, insight, recommendation, ports, own)
    planned, rendered = _rendered(wanted, own, request, correlation_id, ports)
    at = request.at or from_ms(max(0, insight.at))
    basis = "consent" if insight.consent else "customer relation"
    return _generated(request, planned, rendered, recommendation, at, basis), insight, recommendation


def _own_template(request: EmailRequested, shop: str, ports: EmailPorts) -> Template | None:
    if request.template is None or request.template.removesuffix("@1") in BUILT_IN:
        return None
    return custom.find_template(request.template, shop, ports.documents, drafts=request.preview)


def _capped(request: EmailRequested, shop: str, ports: EmailPorts) -> bool:
    cap = ports.cap
    if not cap.emails or request.preview:
        return False
    return (
        keeping.lately(request.user_id, request.email_id, shop, cap.window, ports.documents, ports.clock) >= cap.emails
    )


def _plan(
    request: EmailRequested,
    shop: str,
    insight: Insight,
    recommendation: Recommendation,
    ports: EmailPorts,
    own: Template | None,
) -> Plan:
    profile = ports.documents.get(SHOPS, shop, shop)
    contact = ports.documents.get(CONTACTS, shop, request.user_id)
    link = f"{ports.public_url}/v1/unsubscribe/{sign(shop, request.user_id, ports.signing_key)}"
    first_name = str(contact.body.get("first_name") or "") if contact else ""
    built_in = None if own or not request.template else request.template.removesuffix("@1")
    sender, reader = Sender.of(shop, profile.body if profile else None), Reader(link, ports.public_url, first_name)
    return plan(insight, recommendation, sender, reader, template=built_in)


def _rendered(
    wanted: Plan, own: Template | None, request: EmailRequested, correlation_id: str, ports: EmailPorts
) -> tuple[Plan, Rendered]:
    """Render; a shop's template that fails gives way to a built-in one, and says so, but for its author's preview."""
    if own is None:
        return _built_in(wanted, correlation_id)
    try:
        planned, rendered = custom.fill(own, wanted, ports.sandbox)
    except InvalidInputError as error:
        if request.preview:
            raise
        count = len(error.violations)
        _log.error("a shop's template failed", template=own.id, count=count, correlation_id=correlation_id)
        replaced = replace(wanted, fallback=wanted.template, fallback_reason="template-failed")
        return _built_in(replaced, correlation_id)
    return replace(planned, template=own.name, version=own.version), rendered


def _built_in(wanted: Plan, correlation_id: str) -> tuple[Plan, Rendered]:
    """Render; an email that fails, or fails the lint, is served without its cards, and says so."""
    try:
        rendered = render(wanted)
        if found := lint(rendered, wanted.reader.unsubscribe_url, wanted.reader.public_url):
            raise InvalidInputError("the email failed the lint", found)  # noqa: TRY301 (served below like any failure)
    except Exception:  # noqa: BLE001 (whatever failed, the reader gets an email, and the log the trace)
        _log.exception(
            "an email failed, a plain one is served", template=wanted.template, correlation_id=correlation_id
        )
        return _plain(wanted)
    return wanted, rendered


def _plain(wanted: Plan) -> tuple[Plan, Rendered]:
    """Return the email that names no product; it must pass the lint too.

    Raises:
        InvalidInputError: what the shop says of itself may not leave.
    """
    plain = replace(
        wanted, template="generic", sections=(), items=(), fallback="generic", fallback_reason="template-failed"
    )
    rendered = render(plain)
    if found := lint(rendered, plain.reader.unsubscribe_url, plain.reader.public_url):
        raise InvalidInputError("no email of this shop passes the lint", found)
    return plain, rendered


def _generated(
    request: EmailRequested, planned: Plan, rendered: Rendered, recommendation: Recommendation, at: datetime, basis: str
) -> EmailGenerated:
    return EmailGenerated(
        email_id=request.email_id,
        user_id=request.user_id,
        decision_id=recommendation.decision_id,
        template=planned.template,
        template_version=planned.version,
        fallback=planned.fallback,
        fallback_reason=planned.fallback_reason,
        subject=planned.subject,
        preheader=planned.preheader,
        html=rendered.html,
        text=rendered.text,
        headers=headers(planned, request.email_id, recommendation.decision_id),
        products=[item.as_json() for item in planned.items],
        consent_basis=basis,
        generated_at=at,
        expires_at=at + _KEPT,
    )


def _skip(email_id: str, user_id: str, quiet: Silence, decision_id: str) -> EmailSkipped:
    return EmailSkipped(
        email_id=email_id, user_id=user_id, decision_id=decision_id, reason=quiet.reason, detail=quiet.detail
    )
