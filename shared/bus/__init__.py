"""The bus: its port, the dispatch of messages to handlers, and the engines."""
