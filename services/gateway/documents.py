"""Documents of a shop that are found by their id, and begun once however often they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from shared.errors import ConflictError, NotFoundError
from shared.history.port import Document, Documents


class FullError(ConflictError):
    """The shop has as many as it may."""


def known(documents: Documents, collection: str, shop: str, id: str) -> Document:
    """Return a document of this shop.

    Raises:
        NotFoundError: there is none (any more); another shop's document is just as unknown.
    """
    found = documents.get(collection, shop, id)
    if found is None:
        raise none(collection)
    return found


def none(collection: str) -> NotFoundError:
    """Return what is said of a document that there is not."""
    return NotFoundError(f"there is no such {collection.removesuffix('s')}")


def begun(begin: Callable[[], Document], known: Callable[[], Document]) -> Document:
    """Return what begins now, or what began under the same id just before its answer was lost.

    Raises:
        FullError: the shop has as many as it may.
    """
    try:
        return begin()
    except FullError:
        raise
    except ConflictError:
        return known()
