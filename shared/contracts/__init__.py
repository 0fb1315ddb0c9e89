"""The events, requests and topics that services agree on."""
