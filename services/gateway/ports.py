"""All that the gateway's routes need of the outside."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.asking import Asker
from services.gateway.degrade import Copies
from services.gateway.documents import known, none
from services.gateway.quotas import Quotas
from shared.auth import Principal
from shared.bus.port import Bus
from shared.clock import Clock
from shared.config import Settings
from shared.counters.port import Counters
from shared.errors import NotFoundError
from shared.history.port import Document, History
from shared.knowledge.insight import Profile
from shared.knowledge.port import KnowledgeReader
from shared.objects.port import Objects


@dataclass(frozen=True)
class GatewayPorts:
    """The ports that views are given."""

    knowledge: KnowledgeReader
    history: History
    objects: Objects
    bus: Bus
    clock: Clock
    asker: Asker
    signing_key: str
    counters: Counters
    copies: Copies
    quotas: Quotas
    settings: Settings

    def profile(self, shop: str, user_id: str) -> Profile:
        """Return a user of this shop.

        Raises:
            NotFoundError: there is none; another shop's user is just as unknown.
        """
        found = self.knowledge.profile(shop, user_id)
        if found is None:
            raise NotFoundError("there is no such user")
        return found

    def own_document(self, collection: str, who: Principal, id: str) -> Document:
        """Return a document of the shop; for an end user's token, of that user.

        Raises:
            NotFoundError: there is none; another's document is just as unknown.
        """
        found = self.document(collection, who.shop, id)
        if who.user_id is not None and found.body.get("user_id") != who.user_id:
            raise none(collection)
        return found

    def erased(self, shop: str, job: Document) -> bool:
        """Say whether what an erasure's job asked for has been done."""
        mark = self.history.get("erasures", shop, job.body["erases"])
        return mark is not None and int(mark.body.get("finished", 0)) >= int(job.body["asked_at"])

    def document(self, collection: str, shop: str, id: str) -> Document:
        """Return a document of this shop.

        Raises:
            NotFoundError: there is none; another shop's document is just as unknown.
        """
        return known(self.history, collection, shop, id)
