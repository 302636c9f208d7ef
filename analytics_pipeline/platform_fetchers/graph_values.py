"""Small readers of Graph JSON: insights, times, paging; and how its URLs are written.

Source: platforms/facebook.md §1–§3. Not here: requests, or which figure means what.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import orjson

from analytics_pipeline.platform_fetchers.exceptions import BadDataError

_PLATFORM_ZONE: Final = ZoneInfo("America/Los_Angeles")
_NOT_FOLLOWED: Final = frozenset({"access_token", "appsecret_proof", "fields", "limit"})


def url(path: str, **parameters: str | int) -> str:
    """A URL relative to the version. The characters of field expansion stay readable."""
    return f"{path}?{urlencode(parameters, safe='(),.:')}"


def moment(value: Any) -> datetime | None:
    """`2026-09-14T08:31:07+0000` in UTC; None for anything but a time with its offset."""
    try:
        read = datetime.fromisoformat(value)
        return read.astimezone(UTC) if read.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def day_window(first: date, last: date) -> dict[str, int]:
    """`since` and `until` of the platform's days `first` to `last`: its midnights are Pacific (facebook.md §3.2)."""
    return {"since": _midnight(first), "until": _midnight(last + timedelta(days=1))}


def has_ended(day: date, now: datetime) -> bool:
    """Whether the platform's own `day` is over: what it tells of one that is not is a part."""
    return _midnight(day + timedelta(days=1)) <= now.timestamp()


def raw_rows(node: Mapping[str, Any]) -> list[Any]:
    """The rows of nested or bare insights, in whatever shape they came."""
    nested = node.get("insights", node)
    rows = nested.get("data", []) if isinstance(nested, dict) else nested
    return rows if isinstance(rows, list) else [rows]


def insight_rows(node: Mapping[str, Any], period: str) -> dict[str, list[Mapping[str, Any]]]:
    """Metric → its points, out of nested or bare insights, for one period. Raises BadDataError for another shape."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in raw_rows(node):
        points = row.get("values", []) if isinstance(row, dict) else None
        if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
            raise BadDataError("insights are not a list of metrics with values")
        if row.get("period", period) == period:
            total = row.get("total_value")
            found[str(row.get("name"))] = points or ([total] if isinstance(total, dict) else [])
    return found


def insight_values(node: Mapping[str, Any], period: str = "lifetime") -> dict[str, Any]:
    """Metric → value out of nested or bare insights. What was withheld (`data: []`, no value) is left out."""
    return {
        name: points[0]["value"]
        for name, points in insight_rows(node, period).items()
        if points and points[0].get("value") is not None
    }


def day_values(node: Mapping[str, Any], now: datetime) -> list[tuple[str, date, Any]]:
    """(metric, day, value) of a daily series. A value belongs to the day before its `end_time` (facebook.md §3.2).

    The day is the platform's own, from midnight to midnight Pacific time, by the date that it has there. One that is
    not over by `now` is left out.
    """
    return [
        (name, (end - timedelta(days=1)).date(), point["value"])
        for name, points in insight_rows(node, "day").items()
        for point in points
        if (end := moment(point.get("end_time"))) and end <= now and point.get("value") is not None
    ]


def next_position(body: Mapping[str, Any]) -> dict[str, str] | None:
    """Where `paging.next` leads, None at the end.

    Only its query is followed: no other host is ever called, and the token in it is dropped.
    """
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    if not isinstance(following, str):
        return None
    return {name: value for name, value in parse_qsl(following.partition("?")[2]) if name not in _NOT_FOLLOWED}


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), _PLATFORM_ZONE).timestamp())


def without_paging(value: Any) -> Any:
    """`value`, what may be kept of a reply: paging URLs hold the token. They are taken out of the very object."""
    if type(value) is dict:
        for part in value.values():  # where it mostly stands
            if type(part) is dict:
                part.pop("paging", None)
        if _is_free_of_paging(value):
            return value
    left = [value]
    while left:
        part = left.pop()
        if type(part) is dict:
            part.pop("paging", None)
            left.extend(part.values())
        elif type(part) is list:
            left.extend(part)
    return value


def _is_free_of_paging(node: dict[str, Any]) -> bool:
    """Found by writing the node down, which takes half as long as to walk through it."""
    try:
        return b'"paging"' not in orjson.dumps(node)
    except TypeError:  # a number beyond 64 bits
        return False
