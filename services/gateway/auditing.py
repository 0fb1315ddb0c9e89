"""Notes in the audit trail what a request has done."""

from __future__ import annotations

from services.gateway.ports import GatewayPorts
from shared import audit
from shared.web.app import correlation_id
from shared.web.guard import principal


def audited(ports: GatewayPorts, action: audit.Action, target: str, detail: str = "") -> None:
    """Add to the shop's trail what the credential that asks has done.

    Raises:
        UnavailableError: it could not be written.
    """
    who = principal()
    audit.note(ports.history, ports.clock, who.shop, who.key_id, action, target, correlation_id(), detail)
