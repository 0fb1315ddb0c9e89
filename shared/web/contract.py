"""What a route takes and answers, declared once beside its view: it is checked, it is served, it is documented."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.contracts.codec import violations_of
from shared.errors import InvalidInputError
from shared.web import strictjson

M = TypeVar("M", bound=BaseModel)
JSON = "application/json"


class Shown(BaseModel):
    """The base of what is answered: exactly the declared fields, read from mappings and from our dataclasses."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, frozen=True)


class Asked(BaseModel):
    """The base of what is asked in a query string or a body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Answer:
    """One possible answer: JSON of a type, or (no type) bytes of these media types, or nothing at all."""

    type: Any = None
    media: Sequence[str] = (JSON,)
    description: str = ""
    headers: Sequence[str] = ()  # by name; what they mean is told once, in `openapi`
    kept: bool = True  # clients may keep it, and ask by its ETag whether it still stands; else it is sent as no-store


@dataclass(frozen=True)
class Contract:
    """What a view declares. `errors` are those beyond what follows from the rest: 401, 403, 413, 415, 422, 500, 503."""

    answers: Mapping[int, Answer]
    query: type[BaseModel] | None = None
    body: Any = None
    media: Sequence[str] = (JSON,)
    errors: frozenset[int] = frozenset()
    headers: Sequence[str] = ()  # that the client may send
    examples: Mapping[str, str] = field(default_factory=dict)  # of path parameters
    body_required: bool = True


def describes(answers: Mapping[int, Any], **declared: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a view's contract, and hold its answers to it; see `Contract` for what may be declared.

    An answer is an `Answer`, a type, or none (an empty body). The view returns a body, (body, status),
    (body, status, headers), or a finished Response, which passes as it is.
    """
    whole = {status: one if isinstance(one, Answer) else Answer(one) for status, one in answers.items()}
    contract = Contract(whole, **{**declared, "errors": frozenset(declared.get("errors", ()))})
    adapters = {status: TypeAdapter(one.type) for status, one in whole.items() if one.type is not None}
    first = next(iter(whole))

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Response:
            return _response(view(*args, **kwargs), first, adapters)

        answered.tastegraph_contract = contract  # type: ignore[attr-defined]
        return answered

    return mark


def aged(view: Callable[..., Any]) -> Callable[..., Any]:
    """Add to a view's contract that its good answer may be an old copy, and then says its Age."""
    contract: Contract = view.tastegraph_contract  # type: ignore[attr-defined]
    good = contract.answers[HTTPStatus.OK]
    told = {**contract.answers, HTTPStatus.OK: replace(good, headers=(*good.headers, "Age"))}
    view.tastegraph_contract = replace(contract, answers=told)  # type: ignore[attr-defined]
    return view


def contract_of(app: Flask, endpoint: str) -> Contract | None:
    """Return what an endpoint's view declares."""
    return getattr(app.view_functions.get(endpoint), "tastegraph_contract", None)


def query_of(model: type[M]) -> M:
    """Return the query string as a model.

    Raises:
        InvalidInputError: a parameter is unknown, given twice, or breaks its bounds.
    """
    given = {name: values[0] if len(values) == 1 else values for name, values in request.args.lists()}
    return _read(model, given, "a query parameter is wrong")


def body_of(model: type[M], longest: int = strictjson.LONGEST) -> M:
    """Return the JSON body as a model; no text in it is longer than `longest` characters.

    Raises:
        InvalidInputError: it is not JSON, or breaks its contract.
    """
    return _read(model, strictjson.loads(request.get_data(), longest), "the body breaks its contract")


def _read(model: type[M], given: Any, wrong: str) -> M:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidInputError(wrong, violations_of(error)) from None


def _response(result: Any, first: int, adapters: Mapping[int, TypeAdapter[Any]]) -> Response:
    if isinstance(result, Response):
        return result
    body, status, *rest = result if isinstance(result, tuple) else (result, first)
    data = _dumped(body, adapters.get(int(status)))
    response = Response(data, int(status), mimetype=JSON)
    if int(status) == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    response.headers.update(rest[0] if rest else {})
    return response


def _dumped(body: Any, adapter: TypeAdapter[Any] | None) -> bytes:
    return b"" if adapter is None else adapter.dump_json(adapter.validate_python(body))
