"""The rate limit: so many calls a second of one token, method and path template.

Belongs here: counting in real time, since a rehearsal's clock may stand still. Does not: the answer (problems.py).
"""

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class _Window:
    """Moments of the last seconds: calls that were let in, and those that were refused."""

    taken: deque[float] = field(default_factory=deque)
    refused: deque[float] = field(default_factory=deque)


class RateLimit:
    """A sliding window for each method of each token; refused calls don't count against it."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def excess(self, token: str, method: str, route: str, most: int, seconds: float = 1) -> int:
        """0 if the call may pass, else how many calls came in these seconds with it; `most` 0 is no limit."""
        if not most:
            return 0
        now = time.monotonic()
        window = self._windows.setdefault((token, method, route), _Window())
        for moments in (window.taken, window.refused):
            while moments and moments[0] <= now - seconds:
                moments.popleft()
        if len(window.taken) < most:
            window.taken.append(now)
            return 0
        window.refused.append(now)
        return len(window.taken) + len(window.refused)

    def clear(self) -> None:
        """Forgets every call."""
        self._windows.clear()
