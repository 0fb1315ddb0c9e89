"""Shops' own templates: rendered under limits, in a child that may die without harm."""
