"""The history: the ledger, analytics and documents, behind one port."""
