"""The next page is asked for while the one before it is being stored: an account never waits for both in turn."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def ahead(pages: Iterator[T]) -> Iterator[Iterator[T]]:
    """`pages`, made by a thread of its own that is one page ahead at most: memory stays that of two pages.

    What the maker raises comes after the pages before it. When the block ends, the thread has ended: nobody uses what
    makes the pages any more.
    """
    made: queue.SimpleQueue[T | None] = queue.SimpleQueue()
    wanted = threading.Semaphore(2)  # the page that is being used, and the next
    stopped = threading.Event()
    failures: list[BaseException] = []

    def make() -> None:
        try:
            while wanted.acquire() and not stopped.is_set():
                page = next(pages, None)
                made.put(page)
                if page is None:
                    return
        except BaseException as error:  # noqa: BLE001  # crosses to the caller's thread
            failures.append(error)
            made.put(None)

    def use() -> Iterator[T]:
        while (page := made.get()) is not None:
            yield page
            wanted.release()
        if failures:
            raise failures[0]

    # What log lines are about belongs to the context of the caller's thread.
    maker = threading.Thread(target=copy_context().run, args=(make,), name="ahead", daemon=True)
    maker.start()
    try:
        yield use()
    finally:
        stopped.set()
        wanted.release()
        maker.join()
