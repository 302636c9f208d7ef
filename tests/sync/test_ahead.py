"""One page ahead: order, errors, and how far ahead the maker is; that nothing of it is left when the block ends."""

import threading
from collections.abc import Iterator

import pytest

from analytics_pipeline.sync.ahead import ahead


def test_the_next_page_is_made_while_one_is_used_and_no_further() -> None:
    made: list[int] = []
    third = threading.Event()

    def pages() -> Iterator[int]:
        for page in range(1, 6):
            made.append(page)
            if page == 3:
                third.set()
            yield page

    with ahead(pages()) as used:
        assert next(used) == 1
        assert not third.wait(0.2)
        assert made == [1, 2]
        assert list(used) == [2, 3, 4, 5]
    assert made == [1, 2, 3, 4, 5]


def test_an_error_comes_after_the_pages_before_it() -> None:
    def pages() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no third")

    with ahead(pages()) as used:
        assert [next(used), next(used)] == [1, 2]
        with pytest.raises(LookupError, match="no third"):
            next(used)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()

    def pages() -> Iterator[int]:
        number = 0
        while True:
            yield (number := number + 1)

    with ahead(pages()) as used:
        assert next(used) == 1
    assert threading.active_count() == before
