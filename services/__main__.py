"""All five services in one process, and the command line: `python -m services`, installed as `tastegraph`."""

from __future__ import annotations

from services.embedded.cli import main

if __name__ == "__main__":
    main()
