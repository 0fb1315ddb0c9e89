"""Schemathesis tries what the OpenAPI document allows, and what it does not: no answer is outside of it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


EXAMPLES = settings(
    max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def document(served):
    return schemathesis.openapi.from_wsgi("/openapi.json", served.app)


def tried(operation, headers):
    """Try an operation with data that fits its declaration and data that does not; return what was wrong."""
    fits, breaks = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @EXAMPLES
    @given(case=strategies.one_of(fits, breaks))
    def hold(case):
        case.call_and_validate(headers=headers, checks=CHECKS)

    hold()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_answered_that_the_document_does_not_say(document, served):
    found, headers = {}, {**served.admin, "Accept-Encoding": "identity"}  # the test client unpacks nothing
    for operation in (each.ok() for each in document.get_all_operations()):
        try:
            tried(operation, headers)
        except Exception as error:  # noqa: BLE001 (all operations are tried before the first failure is told)
            found[operation.label] = str(error)[:2000]
    assert found == {}, "\n\n".join(f"{label}\n{said}" for label, said in found.items())
