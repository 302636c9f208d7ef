"""Python's cyclic garbage collector while replies are read: it finds nothing in JSON, and looks at all of it.

Every few hundred new objects it walks through the youngest, and a page of posts is tens of thousands of them: a fifth of
the processor's time. They go when the last reference goes, without it; cycles are found a little later.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNGEST = 50_000
"""New objects between two looks at the youngest: those of a page or two."""

_lock = threading.Lock()
_users = 0
_before = gc.get_threshold()


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Lets the collector of this process run more rarely, as long as anybody is in such a block."""
    global _users, _before  # the collector is one for the whole process
    with _lock:
        if not _users:
            _before = gc.get_threshold()
            if _before[0]:  # 0 = somebody has turned it off
                gc.set_threshold(max(_YOUNGEST, _before[0]), *_before[1:])
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                gc.set_threshold(*_before)
