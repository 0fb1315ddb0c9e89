"""Both HTTP services' contract as one OpenAPI 3.1 document: `python -m services.embedded.openapi` prints it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr

from services.gateway import wiring as gateway
from services.ingest import wiring as ingest
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app

DOCUMENT = Path("docs/openapi.json")


def text() -> str:
    """Return the document as it is committed: of the routes that the embedded runtime serves."""
    with tempfile.TemporaryDirectory() as directory:
        engines = open_engines(Settings(data=Path(directory), signing_key=SecretStr("k" * 40)))
        try:
            blueprints = [*ingest.build(engines).blueprints, *gateway.build(engines).blueprints]
            app = create_app("Tastegraph", engines, blueprints, {})
            with app.test_request_context():
                return json.dumps(app.spec, indent=1, ensure_ascii=False) + "\n"
        finally:
            engines.close()


if __name__ == "__main__":
    sys.stdout.write(text())
