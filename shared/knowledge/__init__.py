"""The knowledge graph: its port, the pure projection and recommendation, and the engines."""
