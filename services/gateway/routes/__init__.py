"""The gateway's routes, a module for each thing that is asked about."""
