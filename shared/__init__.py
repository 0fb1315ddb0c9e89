"""What at least two services need: contracts, ports and their engines. A closed list (docs/architecture.md)."""
