"""How the graph comes to Neo4j: refused in our words, and no error tells the password."""

import pytest
from servers.neo4j import PASSWORD

from shared.errors import UnavailableError, UsageError
from shared.knowledge.neo4j import Neo4jKnowledge


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
