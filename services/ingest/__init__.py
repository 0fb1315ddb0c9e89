"""Takes events from shops over HTTP, validates them and publishes them."""
