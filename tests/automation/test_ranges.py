"""Ranges of publish days."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.automation.ranges import chunks, grouped

days = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@given(first=days, length=st.integers(0, 400), longest=st.integers(1, 60))
def test_chunks_cover_every_day_once_newest_first(first: date, length: int, longest: int) -> None:
    last = first + timedelta(days=length)
    ranges = chunks(first, last, longest)
    covered = [start + timedelta(days=n) for start, end in ranges for n in range((end - start).days + 1)]
    assert sorted(covered) == [first + timedelta(days=n) for n in range(length + 1)]
    assert all((end - start).days < longest for start, end in ranges)
    assert ranges == sorted(ranges, reverse=True)


def test_chunks_of_an_empty_range() -> None:
    assert chunks(date(2026, 1, 2), date(2026, 1, 1), 30) == []


@given(wanted=st.lists(days, max_size=50), longest=st.integers(1, 60), gap=st.integers(1, 60))
def test_grouped_ranges_cover_what_is_wanted(wanted: list[date], longest: int, gap: int) -> None:
    ranges = grouped(wanted, longest, gap)
    assert all(sum(start <= day <= end for start, end in ranges) == 1 for day in wanted)
    assert all(start in wanted and end in wanted and (end - start).days < longest for start, end in ranges)


def test_neighbouring_days_share_a_run() -> None:
    week = [date(2026, 9, n) for n in range(1, 8)]
    assert grouped([*week, date(2026, 3, 1)], 7, 7) == [(week[0], week[-1]), (date(2026, 3, 1), date(2026, 3, 1))]


def test_days_far_apart_do_not() -> None:
    near, far = date(2026, 9, 16), date(2026, 9, 1)
    assert grouped([near, far], 366, 15) == [(far, near)]
    assert grouped([near, far], 366, 14) == [(near, near), (far, far)]
