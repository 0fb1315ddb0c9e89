"""Segments and campaigns: how many are meant, and emails or boards for all of them as one job."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from services.gateway import model, outcomes, questions
from services.gateway.answers import campaigns as shown
from services.gateway.asking import request_id
from services.gateway.auditing import audited
from services.gateway.campaigns import CampaignDesk, NewCampaign, Steer, check
from services.gateway.documents import begun
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.paging import page, paged
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from services.gateway.segments import Segment, count
from services.gateway.templates import Shelf
from shared.erasures import CAMPAIGNS
from shared.history.port import Document
from shared.web.contract import Answer, Asked, body_of, describes, query_of
from shared.web.guard import demand, principal, requires

_MOST = 100
_READ, _WRITE = ("emails:read", "boards:read"), ("emails:write", "boards:write")


class Filed(Asked):
    """As which file."""

    format: Literal["ndjson", "csv"] = Field("ndjson", description="how it is written")


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of segments and campaigns."""
    routes, desk = APIBlueprint("campaigns", __name__, tag="Campaigns"), CampaignDesk(ports.history, ports.clock)
    _segments(routes, ports)
    _beginning(routes, desk, ports)
    _reading(routes, desk)
    _result(routes, desk, ports)
    return routes


def _segments(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.post("/v1/segments/count")
    @requires("profiles:read")
    @once(ports.counters, ports.history)
    @describes({200: shown.Counted}, body=Segment, errors=(409,), headers=(HEADER,))
    def count_segment() -> Any:
        """Say how many users a segment is made of, before a campaign is made for it."""
        return count(ports.knowledge, principal().shop, body_of(Segment))


def _beginning(routes: APIBlueprint, desk: CampaignDesk, ports: GatewayPorts) -> None:
    shelf = Shelf(ports.history, ports.clock)

    @routes.post("/v1/campaigns")
    @requires(*_WRITE)
    @once(ports.counters, ports.history)
    @describes({202: Answer(shown.Campaign, headers=("Location",))}, body=NewCampaign, errors=(409,), headers=(HEADER,))
    def begin_campaign() -> Any:
        """Make emails or boards for a segment, as one job: each as if it were asked for alone."""
        asked, shop = body_of(NewCampaign), principal().shop
        demand(f"{asked.makes}:write")
        check(asked, shop, shelf)
        id = request_id(scoped("campaigns"), "", idempotency_key())
        found = begun(lambda: desk.begin(shop, id, asked, ports.knowledge), lambda: desk.known(shop, id))
        audited(ports, "campaign.begun", id, asked.makes)
        return model.campaign(found), HTTPStatus.ACCEPTED, {"Location": f"/v1/campaigns/{id}"}

    @routes.patch("/v1/campaigns/<id:id>")
    @requires(*_WRITE)
    @describes({200: shown.Campaign}, body=Steer, errors=(404, 409))
    def steer_campaign(id: str) -> Any:
        """Pause a campaign, let it run again, or cancel it for good."""
        shop = principal().shop
        demand(f"{desk.known(shop, id).body['makes']}:write")
        steered = desk.steer(shop, id, body_of(Steer).status)
        audited(ports, "campaign.steered", id, steered.body["status"])
        return model.campaign(steered)


def _reading(routes: APIBlueprint, desk: CampaignDesk) -> None:
    @routes.get("/v1/campaigns")
    @requires(*_READ)
    @describes({200: listed(shown.Campaigns)}, query=questions.Paging)
    def campaigns() -> Any:
        """List the shop's campaigns, last changed first."""
        who = principal()
        found = desk.documents.find(CAMPAIGNS, who.shop, **paged(_MOST))
        return page(
            [model.campaign(each) for each in found.items if who.may(f"{each.body['makes']}:read")], found.next_token
        )

    @routes.get("/v1/campaigns/<id:id>")
    @requires(*_READ)
    @describes({200: shown.Campaign}, errors=(404,))
    def campaign(id: str) -> Any:
        """Show a campaign and how far it has come."""
        return model.campaign(_readable(desk, id))


def _result(routes: APIBlueprint, desk: CampaignDesk, ports: GatewayPorts) -> None:
    file = Answer(
        None, ("application/x-ndjson", "text/csv"), "a line for each member", ("Content-Disposition",), kept=False
    )

    @routes.get("/v1/campaigns/<id:id>/result")
    @requires(*_READ)
    @describes({200: file}, query=Filed, errors=(404,))
    def campaign_result(id: str) -> Any:
        """Give what became of each member so far: made, skipped or failed, why, and the email's or board's id."""
        asked, found = query_of(Filed), _readable(desk, id)
        told = outcomes.lines(found, ports.history, ports.objects)
        body = told if asked.format == "ndjson" else outcomes.table(told)
        response = Response(body, mimetype="text/csv" if asked.format == "csv" else "application/x-ndjson")
        response.headers["Content-Disposition"] = f'attachment; filename="campaign.{asked.format}"'
        return response


def _readable(desk: CampaignDesk, id: str) -> Document:
    found = desk.known(principal().shop, id)
    demand(f"{found.body['makes']}:read")
    return found
