"""Measurements of what mnemic claims: each computes numbers and says which bounds they keep.

``python -m benchmarks [NAME ...] --out DIR [--quick]`` writes ``NAME.json`` and ``index.md``.
A module of this package that defines ``MEASUREMENT`` is a measurement; nothing else is needed.
"""
