"""Runs all five services in one process on files; home of the command line."""
