"""Equations: pure functions on tensors, no state, no files."""
