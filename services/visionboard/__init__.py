"""Answers board requests with vision boards."""
