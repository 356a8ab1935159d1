"""Connections, transactions and migrations. Only the kernel imports from here."""
