"""How Python itself is set while replies are read: its cyclic garbage collector, and how long a thread may keep the others out.

The collector finds nothing in JSON, and looks at all of it: every few hundred new objects it walks through the youngest,
and a page of posts is tens of thousands of them, a fifth of the processor's time. They go when the last reference goes,
without it; cycles are found a little later.

A thread that has its answer waits until the one that runs has had its turn, several times per call: a place among the
calls that may be under way is kept for that long, and nobody calls.
"""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNGEST = 50_000
"""New objects between two looks at the youngest: those of a page or two."""

_TURN = 0.001
"""Seconds that a thread runs while others wait: a fifth of Python's own."""

_lock = threading.Lock()
_users = 0
_before = (gc.get_threshold(), sys.getswitchinterval())


@contextmanager
def set_for_replies() -> Iterator[None]:
    """Rare collections and short turns in this process, as long as anybody is in such a block."""
    global _users, _before  # both are one for the whole process
    with _lock:
        if not _users:
            _before = (gc.get_threshold(), sys.getswitchinterval())
            thresholds, turn = _before
            if thresholds[0]:  # 0 = somebody has turned it off
                gc.set_threshold(max(_YOUNGEST, thresholds[0]), *thresholds[1:])
            sys.setswitchinterval(min(_TURN, turn))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                gc.set_threshold(*_before[0])
                sys.setswitchinterval(_before[1])
