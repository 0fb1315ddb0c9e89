"""Shops' own templates: found by name and version, filled in the sandbox, checked against samples before all that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from services.email.lint import lint
from services.email.model import Plan, Reader, Sender, plan
from services.email.render import Rendered, values
from services.email.sandbox.errors import TemplateFaultError
from services.email.sandbox.pool import Sandbox
from shared.contracts.templates import HEADS, VERSIONS, Draft, Template, TemplateStatus, parse_reference, version_id
from shared.errors import InvalidInputError, NotFoundError, Violation
from shared.history.port import Documents
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Via
from shared.knowledge.recommend import recommend

_DAY = 86_400_000
_SAMPLE_TIME = 1_793_700_000_000
_SAMPLE_NAMES = ("MILK & HONEY", "Tea <loose>", "{{ braces }}", "Grüne Äpfel", 'An oat bar of "no" sugar', "O'Neill")


def find_template(reference: str, shop: str, documents: Documents, *, drafts: bool) -> Template:
    """Return the very version that is named, or the newest published one.

    Raises:
        InvalidInputError: that version is a draft, and drafts are not wanted.
        NotFoundError: the shop has no such template, version, or published version.
    """
    name, version = parse_reference(reference)
    if version is None:
        head = documents.get(HEADS, shop, name)
        if head is None:
            raise NotFoundError(f"there is no template {name}")
        version = int(head.body["published"])
    found = documents.get(VERSIONS, shop, version_id(name, version)) if version else None
    if found is None:
        raise NotFoundError(f"template {name} has no such version" if version else f"no version of {name} is published")
    template = Template.model_validate(found.body)
    if template.status is not TemplateStatus.PUBLISHED and not drafts:
        raise InvalidInputError(
            f"{template.id} is a draft", [Violation("/template", "publish it first, or preview it")]
        )
    return template


def fill(draft: Draft, planned: Plan, sandbox: Sandbox) -> tuple[Plan, Rendered]:
    """Return a plan with the subject and preheader of a shop's template, and the bodies that it makes.

    Raises:
        InvalidInputError: the template fails, or makes what may not leave; it says where and why.
        UnavailableError: the sandbox does not start.
    """
    try:
        filled = sandbox.render(draft.model_dump(), values(planned))
    except TemplateFaultError as fault:
        where = f"line {fault.line}: " if fault.line else ""
        raise InvalidInputError(
            "the template cannot be rendered", [Violation(f"/{fault.part}", f"{where}{fault.detail}")]
        ) from None
    rendered = Rendered(filled.html, filled.text)
    found = lint(rendered, planned.reader.unsubscribe_url, planned.reader.public_url)
    if not filled.subject:
        found.append(Violation("/subject", "must not come out empty"))
    if found:
        raise InvalidInputError("the template makes an email that may not leave", found)
    return replace(planned, subject=filled.subject, preheader=filled.preheader), rendered


def check(draft: Draft, shop: str, public_url: str, sandbox: Sandbox) -> None:
    """See whether a template serves a user with a history, and one of whom nothing is known.

    Raises:
        InvalidInputError: it does not; it says where and why.
        UnavailableError: the sandbox does not start.
    """
    sender = Sender.of(shop, None)
    reader = Reader("https://mail.example/v1/unsubscribe/sample", public_url)
    for said, insight, first_name in _samples(shop):
        planned = plan(insight, recommend(insight), sender, replace(reader, first_name=first_name))
        try:
            fill(draft, planned, sandbox)
        except InvalidInputError as error:
            raise InvalidInputError(f"{error} ({said})", error.violations) from None


def _samples(shop: str) -> Iterator[tuple[str, Insight, str]]:
    products = [
        Product(f"p{at}", name, ("Food", "Shelf & more"), price=Decimal("1.20"), currency="EUR", popularity=at)
        for at, name in enumerate(_SAMPLE_NAMES)
    ]
    bare = [Product(f"q{at}", categories=(f"Kind {at}",), popularity=at) for at in range(3)]
    bought = tuple(Bought(each, (_SAMPLE_TIME - _DAY,), Decimal(1), Decimal(1), Decimal(0)) for each in products[:3])
    empty = Insight(
        shop, "sample", _SAMPLE_TIME, known=False, traits={}, locale=None, consent=None, bought=(), interests=(),
        reactions=(), candidates=_ways(bare, Path(Via.POPULAR, 5.0, 5)), parameters=Parameters(),
        refreshed_at=_SAMPLE_TIME,
    )  # fmt: skip
    together = _ways(products[3:], Path(Via.BOUGHT_WITH, 0.5, 3, "p0", _SAMPLE_NAMES[0]))
    yield "tried with a user who has a history", replace(empty, known=True, bought=bought, candidates=together), "Ann"
    yield "tried with a user of whom nothing is known: products may be few, and buy_again empty", empty, ""


def _ways(products: list[Product], path: Path) -> tuple[Candidate, ...]:
    return tuple(Candidate(each, (path,)) for each in products)
