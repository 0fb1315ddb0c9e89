"""The real servers that Tastegraph runs on, installed and started on this machine without Docker."""
