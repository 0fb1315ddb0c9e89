"""Takes what was said of somebody out of the embedded log: the values are overwritten, the places stay."""

from __future__ import annotations

from contextlib import closing

from shared.bus.port import FORGOTTEN
from shared.bus.sqlite_log import LogFile, connect, unavailable_on_error

_AT_ONCE = 500  # rows a transaction: publishers wait for no more
_MARKED = "UPDATE records SET value = NULL, headers = json_insert(headers, '$[#]', json_array(?, ''))"


def forget(file: LogFile, key: bytes, before: int) -> int:
    """Overwrite the values of a key's records from before a moment (ms), over a connection of its own; say how many.

    Raises:
        UnavailableError: the file does not answer; what was overwritten stays so.
    """
    with unavailable_on_error("forgetting"), closing(connect(file.path)) as db:
        db.execute("PRAGMA secure_delete=ON")
        # One pass over the log, which waits for nobody: an index would cost every append for what is rare.
        found = "SELECT place FROM records WHERE key = ? AND appended_at < ? AND value IS NOT NULL"
        places = [(FORGOTTEN, place) for (place,) in db.execute(found, (key, before))]
        for first in range(0, len(places), _AT_ONCE):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(f"{_MARKED} WHERE place = ?", places[first : first + _AT_ONCE])
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # as far as readers let it: old pages stand in the journal, too
        return len(places)
