"""Rows for bulk writes: what a caller hands over, and what of it the database can take.

Here: row classes, columns, checks, reasons for refusing. Not here: SQL, which reading wins (`writes.py`).
The fetchers' result comes as a mapping: this package knows no fetcher.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import isfinite
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import BigInteger, Double

from analytics_pipeline.database.models import AccountAnalytics, PostAnalytics, PostAnalyticsDay

_LIMIT = 2**63
_WHOLE = frozenset({int, type(None)})
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_LONGEST_NAME = 1000  # characters; an entry of an index holds 2,700 bytes


def _columns(table: Any, kind: type) -> tuple[str, ...]:
    """The columns of a type that are neither a key nor point to one: the figures."""
    return tuple(c.name for c in table.columns if isinstance(c.type, kind) and not c.primary_key and not c.foreign_keys)


_COUNTS = _columns(PostAnalytics.__table__, BigInteger)
_NUMBERS = _columns(PostAnalytics.__table__, Double)
_figures_of = itemgetter(*_COUNTS)
ACCOUNT_METRICS = _columns(AccountAnalytics.__table__, BigInteger)
POST_DAY_METRICS = _columns(PostAnalyticsDay.__table__, BigInteger)

# Name and type of each column, in the order of the tuples that the `…_values` functions make.
POST_COLUMNS = {
    "business_id": "bigint",
    "social_account_id": "bigint",
    "platform": "text",
    "platform_post_id": "text",
    "published_at": "timestamptz",
    "platform_post_url": "text",
    "post_type": "text",
}
ANALYTICS_COLUMNS = {
    "post_id": "bigint",
    "platform": "text",
    "platform_post_id": "text",
    "platform_post_url": "text",
    "fetched_at": "timestamptz",
    **dict.fromkeys(_COUNTS, "bigint"),
    **dict.fromkeys(_NUMBERS, "float8"),
}
RAW_COLUMNS = {"payload": "text", "api_version": "text"}
ACCOUNT_COLUMNS = {
    "social_account_id": "bigint",
    "day": "date",
    "platform": "text",
    "fetched_at": "timestamptz",
    **dict.fromkeys(ACCOUNT_METRICS, "bigint"),
}

POST_DAY_COLUMNS = {
    "post_id": "bigint",
    "day": "date",
    "platform": "text",
    "fetched_at": "timestamptz",
    **dict.fromkeys(POST_DAY_METRICS, "bigint"),
}


class RefusedError(ValueError):
    """Why a row cannot be stored; the message names the column, never the whole row."""


@dataclass(slots=True)
class PostRow:
    """A post as a listing shows it. `published_at` has a time zone."""

    business_id: int
    social_account_id: int
    platform: str
    platform_post_id: str
    published_at: datetime
    platform_post_url: str | None = None
    post_type: str | None = None


@dataclass(slots=True)
class ObservationRow:
    """One reading of one post: the fetchers' standard result, and what the platform really said (`raw`, any JSON)."""

    post_id: int
    analytics: Mapping[str, Any]
    raw: Any = None
    api_version: str | None = None


@dataclass(frozen=True, slots=True)
class AccountDayRow:
    """What a platform reported of an account for one UTC day, as read at `fetched_at`; names as in AccountAnalytics."""

    social_account_id: int
    day: date
    platform: str
    metrics: Mapping[str, int | None]
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class PostDayRow:
    """What a post gained on one UTC day by the platform's own series; names as in PostAnalyticsDay."""

    post_id: int
    day: date
    platform: str
    metrics: Mapping[str, int | None]
    fetched_at: datetime


def post_values(row: PostRow) -> tuple[Any, ...]:
    """In the order of POST_COLUMNS. Raises RefusedError."""
    return (
        row.business_id,
        row.social_account_id,
        row.platform,
        _name("platform_post_id", row.platform_post_id),
        _time("published_at", row.published_at),
        _text("platform_post_url", row.platform_post_url),
        _text("post_type", row.post_type),
    )


def observation_values(row: ObservationRow) -> tuple[Any, ...]:
    """In the order of ANALYTICS_COLUMNS and RAW_COLUMNS. Raises RefusedError."""
    figures = row.analytics
    counts = _figures_of(figures)
    # One look at all counts: this runs for every post of every refresh.
    if not _WHOLE.issuperset(map(type, counts)) or not all(n is None or -_LIMIT <= n < _LIMIT for n in counts):
        for name in _COUNTS:
            _count(name, figures[name])
    return (
        row.post_id,
        _name("platform", figures["platform"]),
        _name("platform_post_id", figures["platform_post_id"]),
        _text("platform_post_url", figures["platform_post_url"]),
        _time("fetched_at", figures["fetched_at"]),
        *counts,
        *[_number(name, figures[name]) for name in _NUMBERS],
        _json(row.raw),
        _text("api_version", row.api_version),
    )


def account_day_values(row: AccountDayRow) -> tuple[Any, ...]:
    """In the order of ACCOUNT_COLUMNS. Raises RefusedError."""
    return (row.social_account_id, *_day_values(row, ACCOUNT_METRICS))


def post_day_values(row: PostDayRow) -> tuple[Any, ...]:
    """In the order of POST_DAY_COLUMNS. Raises RefusedError."""
    return (row.post_id, *_day_values(row, POST_DAY_METRICS))


def _day_values(row: AccountDayRow | PostDayRow, metrics: Sequence[str]) -> tuple[Any, ...]:
    unknown = sorted(set(row.metrics).difference(metrics))
    if unknown:
        raise RefusedError(f"there is no column for {', '.join(unknown)}")
    return (
        row.day,
        row.platform,
        _time("fetched_at", row.fetched_at),
        *[_count(name, row.metrics.get(name)) for name in metrics],
    )


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusedError(f"{name} is no text")
    if "\x00" in value:
        raise RefusedError(f"{name} holds a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RefusedError(f"{name} holds half a character (a lone surrogate)") from None
    return value


def _name(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text or len(text) > _LONGEST_NAME:
        raise RefusedError(f"{name} is missing" if not text else f"{name} is longer than {_LONGEST_NAME} characters")
    return text


def _count(name: str, value: Any) -> int | None:
    if value is None or (type(value) is int and -_LIMIT <= value < _LIMIT):
        return value
    raise RefusedError(f"{name} is too large to store" if type(value) is int else f"{name} is no whole number")


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not isfinite(value):
        raise RefusedError(f"{name} is no finite number")
    return float(value)


def _time(name: str, value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise RefusedError(f"{name} is no time with a time zone")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _json(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # a number beyond 64 bits, or something deeply nested: or no JSON at all
        text = _slowly_to_json(value)
    if "\\u0000" in text and _ESCAPED_NUL.search(text):
        raise RefusedError("the reply holds a NUL character")
    return text


def _slowly_to_json(value: Any) -> str:
    try:
        text = _to_json(value)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RefusedError(f"the reply cannot be kept as JSON: {type(error).__name__}") from None
    return text
