"""Gives frontends one API, a page, and answers over the bus."""
