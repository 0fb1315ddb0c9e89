"""Which generation of a graph in Neo4j counts, as its server tells."""

from shared.knowledge.neo4j_engine import Pointer, _pointer_in


def test_a_pointer_is_what_its_node_says():
    assert _pointer_in([{"number": 3, "format": 4, "complete": 1}]) == Pointer(3, 4, complete=True)


def test_a_node_that_is_deleted_while_it_is_read_is_no_pointer():
    """Taken for one, it broke every reader until its process was started again, and a promised email was parked."""
    assert _pointer_in([{"number": None, "format": None, "complete": None}]) is None
    assert _pointer_in([]) is None
