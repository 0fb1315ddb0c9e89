"""Short-lived values behind one port."""
