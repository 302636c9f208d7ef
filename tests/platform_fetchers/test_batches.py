"""A refused batch: every good post is read once, every bad one is named, and a hopeless case is given up early."""

from collections.abc import Callable, Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.batches import chunks, read_in_halves
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.metrics import PostReading


def reader(bad: set[str], calls: list[Sequence[str]]) -> Callable[[Sequence[str]], list[PostReading]]:
    def read(ids: Sequence[str]) -> list[PostReading]:
        calls.append(ids)
        if bad.intersection(ids):
            raise ConfigurationError("refused", "plain", 400)
        return [PostReading(i, None) for i in ids]

    return read


@given(st.lists(st.text(max_size=3)), st.integers(1, 7))
def test_chunks_keep_every_id_once_in_order(ids: list[str], size: int) -> None:
    pieces = list(chunks(ids, size))
    assert [i for piece in pieces for i in piece] == ids
    assert len(pieces) == ceil(len(ids) / size)
    assert all(len(piece) <= size for piece in pieces)


@given(st.integers(1, 100), st.data())
def test_one_bad_post_costs_only_itself(size: int, data: st.DataObject) -> None:
    ids = [str(number) for number in range(size)]
    bad = data.draw(st.sampled_from(ids))
    calls: list[Sequence[str]] = []
    readings, fault = read_in_halves(ids, reader({bad}, calls))
    assert fault is None
    assert sorted(r.platform_post_id for r in readings) == sorted(ids)
    assert [r.platform_post_id for r in readings if r.error is not None] == [bad]
    assert len(calls) <= 1 + 2 * ceil(log2(size)) if size > 1 else len(calls) == 1


@given(st.sets(st.integers(1, 99), max_size=20))
def test_several_bad_posts_cost_only_themselves(numbers: set[int]) -> None:
    ids = [str(number) for number in range(100)]  # the first one is good
    bad = {str(number) for number in numbers}
    readings, _ = read_in_halves(ids, reader(bad, []))
    assert sorted(r.platform_post_id for r in readings) == sorted(ids)
    assert {r.platform_post_id for r in readings if r.error is not None} == bad


def test_when_everything_is_refused_it_is_not_about_the_posts() -> None:
    ids = [str(number) for number in range(100)]
    calls: list[Sequence[str]] = []
    readings, fault = read_in_halves(ids, reader(set(ids), calls))
    assert readings == [], "nor do the first ones look as if they alone were refused"
    assert isinstance(fault, ConfigurationError)
    assert "refused" in fault.message
    assert len(calls) < 15


def test_a_batch_of_deleted_posts_never_makes_the_account_look_deleted() -> None:
    def read(ids: Sequence[str]) -> list[PostReading]:
        raise PostNotFoundError("gone", "plain", 404)

    _, fault = read_in_halves([str(number) for number in range(50)], read)
    assert isinstance(fault, ConfigurationError)


@pytest.mark.parametrize(
    "error", [TransientError("down", "plain", 503), ConfigurationError("version has ended", "plain", 426)]
)
def test_what_is_not_about_a_post_ends_the_batch_at_once(error: PlatformAPIError) -> None:
    calls = []

    def read(ids: Sequence[str]) -> list[PostReading]:
        calls.append(ids)
        raise error

    assert read_in_halves(["1", "2", "3"], read) == ([], error)
    assert len(calls) == 1


def test_what_was_read_is_kept_where_a_later_part_fails() -> None:
    throttled = RateLimitError("slow down", "plain")

    def read(ids: Sequence[str]) -> list[PostReading]:
        if len(ids) == 4:
            raise ConfigurationError("refused", "plain", 400)
        if "3" in ids:
            raise throttled
        return [PostReading(i, None) for i in ids]

    readings, fault = read_in_halves(["1", "2", "3", "4"], read)
    assert [reading.platform_post_id for reading in readings] == ["1", "2"]
    assert fault is throttled
