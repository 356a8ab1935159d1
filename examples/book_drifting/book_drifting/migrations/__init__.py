"""Migrations of ``book_drifting``."""
