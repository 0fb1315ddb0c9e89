"""How the graph comes to Neo4j: at the first call, refused in our words, and no error tells the password."""

import pytest
from servers.neo4j import PASSWORD

from shared.errors import UnavailableError, UsageError
from shared.knowledge.neo4j import Neo4jKnowledge


def test_opening_connects_to_nothing_and_no_error_tells_the_password():
    knowledge = Neo4jKnowledge("bolt://neo4j:very-secret@127.0.0.1:1")
    with pytest.raises(UnavailableError) as refused:
        knowledge.watermarks()
    assert "secret" not in str(refused.value)
    knowledge.close()
    with pytest.raises(UnavailableError, match="closed"):
        knowledge.watermarks()


@pytest.mark.servers
def test_a_wrong_password_is_unavailable(neo4j_url):
    knowledge = Neo4jKnowledge(neo4j_url.replace(PASSWORD, "not-it"))
    with pytest.raises(UnavailableError, match="Unauthorized") as refused:
        knowledge.watermarks()
    assert "not-it" not in str(refused.value)
    knowledge.close()


def test_a_url_without_a_host_is_refused():
    with pytest.raises(UsageError):
        Neo4jKnowledge("bolt:")
