"""Opening an engine that is a server elsewhere: nothing connects before the first call, and no error tells a secret."""

import pytest

from shared.errors import UnavailableError
from shared.history.mongo import MongoHistory
from shared.knowledge.neo4j import Neo4jKnowledge


@pytest.mark.parametrize(
    ("engine", "url"),
    [
        (Neo4jKnowledge, "bolt://neo4j:very-secret@127.0.0.1:1"),
        (MongoHistory, "mongodb://ann:very-secret@127.0.0.1:1/x?serverSelectionTimeoutMS=100"),
    ],
)
def test_opening_connects_to_nothing_and_no_error_tells_the_password(engine, url):
    opened = engine(url)
    with pytest.raises(UnavailableError) as refused:
        opened.watermarks()
    assert "secret" not in str(refused.value)
    opened.close()
    with pytest.raises(UnavailableError, match="closed"):
        opened.watermarks()
