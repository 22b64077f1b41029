"""The fold over many patterns."""
