"""Fast and one-shot: store, recall from a part, judge what was seen, replay."""

from mnemic.hippocampus.memory import EpisodicMemory, Recognised
from mnemic.hippocampus.verdict import AIM, Judged

__all__ = ["AIM", "EpisodicMemory", "Judged", "Recognised"]
