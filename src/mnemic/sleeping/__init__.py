"""Sleep: replay trains a new student of each sense, and all engrams are coded anew under it."""

from mnemic.sleeping.night import Sleeper, can_sleep
from mnemic.sleeping.plan import consolidation, forget_old_students, forget_traces

__all__ = ["Sleeper", "can_sleep", "consolidation", "forget_old_students", "forget_traces"]
