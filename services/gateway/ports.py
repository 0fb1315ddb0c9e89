"""All that the gateway's routes need of the outside."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway.asking import Asker
from shared.bus.port import Bus
from shared.clock import Clock
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

    def profile(self, shop: str, user_id: str) -> Profile:
        """Return a user of this shop.

        Raises:
            NotFoundError: there is none; another shop's user is just as unknown.
        """
        found = self.knowledge.profile(shop, user_id)
        if found is None:
            raise NotFoundError("there is no such user")
        return found

    def document(self, collection: str, shop: str, id: str) -> Document:
        """Return a document of this shop.

        Raises:
            NotFoundError: there is none; another shop's document is just as unknown.
        """
        found = self.history.get(collection, shop, id)
        if found is None:
            raise NotFoundError(f"there is no such {collection.removesuffix('s')}")
        return found
