"""Every published figure by one command, with seeds, intervals and a verdict."""

from mnemic.reproduce.registry import Expected, Result, results
from mnemic.reproduce.running import reproduce, write_index
from mnemic.reproduce.workshop import Doing, Workshop

__all__ = ["Doing", "Expected", "Result", "Workshop", "reproduce", "results", "write_index"]
