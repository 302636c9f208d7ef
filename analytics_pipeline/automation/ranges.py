"""Ranges of publish days: as tags of a run, and out of scattered days."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make a run work on the partitions `first` to `last`, both included."""
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def range_of(tags: Mapping[str, str]) -> tuple[date, date]:
    """The first and the last partition that a run with such tags works on."""
    first, last = (tags[tag] for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    return date.fromisoformat(first), date.fromisoformat(last)


def chunks(first: date, last: date, days: int) -> list[tuple[date, date]]:
    """`first` to `last` cut into ranges of at most `days` days, newest first."""
    result = []
    while last >= first:
        start = max(first, last - timedelta(days=days - 1))
        result.append((start, last))
        last = start - timedelta(days=1)
    return result


def grouped(days: Iterable[date], longest: int, gap: int) -> list[tuple[date, date]]:
    """Ranges of at most `longest` days that cover all of `days` and begin and end on one of them, newest first.

    Days that lie more than `gap` days apart are in different ranges.
    """
    result: list[tuple[date, date]] = []
    for day in sorted(set(days), reverse=True):
        if result and (result[-1][1] - day).days < longest and (result[-1][0] - day).days <= gap:
            result[-1] = (day, result[-1][1])
        else:
            result.append((day, day))
    return result
