"""What the command line can have done to campaigns and rules: the very same as over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.embedded.arguments import known_shop
from services.embedded.runtime import Runtime
from services.gateway import model
from services.gateway.campaigns import CampaignDesk, NewCampaign, check
from services.gateway.rules import NewRule, Rulebook
from services.gateway.templates import Shelf
from shared import audit
from shared.contracts.codec import violations_of
from shared.erasures import CAMPAIGNS
from shared.errors import InvalidInputError

M = TypeVar("M", bound=BaseModel)
Arguments = Mapping[str, Any]
Lines = Iterator[dict[str, Any]]


def read(kind: type[M], given: Mapping[str, Any]) -> M:
    """Return what was given on the command line as what is asked; what was left out is not said.

    Raises:
        InvalidInputError: it breaks the bounds that hold over HTTP, too.
    """
    try:
        return kind.model_validate({name: value for name, value in given.items() if value not in (None, [], False)})
    except ValidationError as error:
        raise InvalidInputError("this cannot be asked", violations_of(error)) from None


def campaigns_list(runtime: Runtime, arguments: Arguments) -> Lines:
    """List a shop's campaigns, last changed first; 100 at most."""
    shop = known_shop(runtime, arguments["shop"])
    for each in runtime.engines.history.find(CAMPAIGNS, shop).items:
        yield {"result": model.campaign(each)}


def campaigns_show(runtime: Runtime, arguments: Arguments) -> Lines:
    """Show a campaign and how far it has come."""
    yield {"result": model.campaign(_desk(runtime).known(arguments["shop"], arguments["id"]))}


def campaigns_start(runtime: Runtime, arguments: Arguments) -> Lines:
    """Begin a campaign; whichever process serves drives it on."""
    engines, shop = runtime.engines, known_shop(runtime, arguments["shop"])
    asked = read(NewCampaign, arguments["campaign"])
    check(asked, shop, Shelf(engines.history, engines.clock))
    begun = _desk(runtime).begin(shop, uuid.uuid4().hex, asked, engines.knowledge)
    _audit(runtime, shop, "campaign.begun", begun.id, asked.makes)
    yield {"result": model.campaign(begun)}


def campaigns_steer(runtime: Runtime, arguments: Arguments) -> Lines:
    """Pause a campaign, let it run again, or cancel it for good."""
    shop = arguments["shop"]
    steered = _desk(runtime).steer(shop, arguments["id"], arguments["status"])
    _audit(runtime, shop, "campaign.steered", steered.id, str(steered.body["status"]))
    yield {"result": model.campaign(steered)}


def rules_list(runtime: Runtime, arguments: Arguments) -> Lines:
    """List a shop's rules in the order made."""
    for each in _book(runtime).rules(known_shop(runtime, arguments["shop"])):
        yield {"result": model.rule(each)}


def rules_add(runtime: Runtime, arguments: Arguments) -> Lines:
    """Make a rule."""
    shop = known_shop(runtime, arguments["shop"])
    made = _book(runtime).add(shop, read(NewRule, arguments["rule"]))
    _audit(runtime, shop, "rule.made", made["rule_id"], made["action"])
    yield {"result": model.rule(made)}


def rules_remove(runtime: Runtime, arguments: Arguments) -> Lines:
    """Remove a rule."""
    _book(runtime).remove(arguments["shop"], arguments["id"])
    _audit(runtime, arguments["shop"], "rule.removed", arguments["id"])
    yield {"result": {"id": arguments["id"], "removed": True}}


def _desk(runtime: Runtime) -> CampaignDesk:
    return CampaignDesk(runtime.engines.history, runtime.engines.clock)


def _book(runtime: Runtime) -> Rulebook:
    return Rulebook(runtime.engines.history, runtime.engines.clock)


def _audit(runtime: Runtime, shop: str, action: audit.Action, target: str, detail: str = "") -> None:
    audit.note(runtime.engines.history, runtime.engines.clock, shop, audit.CLI, action, target, detail=detail)


STEERING: dict[str, Callable[[Runtime, Arguments], Lines]] = {
    "campaigns.list": campaigns_list,
    "campaigns.show": campaigns_show,
    "campaigns.start": campaigns_start,
    "campaigns.steer": campaigns_steer,
    "rules.list": rules_list,
    "rules.add": rules_add,
    "rules.remove": rules_remove,
}
