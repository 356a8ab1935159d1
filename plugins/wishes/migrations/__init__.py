"""Migrations of wishes."""
