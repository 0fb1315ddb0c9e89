"""Consumes events into the history and the knowledge graph, and keeps the two equal."""
