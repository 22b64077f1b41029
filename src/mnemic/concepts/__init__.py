"""Concepts: what points in any sense have in common."""
