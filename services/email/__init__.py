"""Answers email requests with personalised marketing emails."""
