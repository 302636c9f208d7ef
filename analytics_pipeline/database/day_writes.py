"""Bulk writes of series by UTC day inside the caller's transaction: figures of accounts, and what posts gained.

Here: a later reading corrects an earlier one. Not here: observations (`writes.py`), what a row may hold (`rows.py`).
Rows are locked in the order of their keys.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from analytics_pipeline.database.rows import (
    ACCOUNT_COLUMNS,
    POST_DAY_COLUMNS,
    AccountDayRow,
    PostDayRow,
    RefusedError,
    account_day_values,
    post_day_values,
)
from analytics_pipeline.database.writes import document, rows_given

__all__ = ["AccountDayRow", "PostDayRow", "StoredDays", "store_account_days", "store_post_days"]

Row = TypeVar("Row", AccountDayRow, PostDayRow)

_FETCHED_AT = 3
"""Place of `fetched_at` in both kinds of rows: key, day, platform, fetched_at, then the figures."""


@dataclass(frozen=True, slots=True)
class StoredDays:
    """(account or post id, day) of what is kept (or is older than what is kept); and of what is not, with the reason."""

    stored: Sequence[tuple[int, date]]
    refused: Sequence[tuple[tuple[int, date], str]]


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: dict[str, str]
    owners: str
    thing: str

    @property
    def lock_owners(self) -> str:
        return f"SELECT id FROM {self.owners} WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"  # noqa: S608 - own names

    @property
    def store(self) -> str:
        key, day, _, fetched_at, *metrics = self.columns
        corrected = ", ".join(f"{name} = coalesce(excluded.{name}, old.{name})" for name in metrics)
        return f"""
        INSERT INTO {self.name} AS old ({", ".join(self.columns)})
        SELECT {", ".join(self.columns)} FROM {rows_given(self.columns)} ORDER BY {key}, {day}
        ON CONFLICT ({key}, {day}) DO UPDATE SET {fetched_at} = excluded.{fetched_at}, {corrected}
        WHERE old.{fetched_at} <= excluded.{fetched_at}
        """  # noqa: S608 - names of columns only


_ACCOUNTS = _Table("account_analytics", ACCOUNT_COLUMNS, "social_accounts", "account")
_POSTS = _Table("post_analytics_days", POST_DAY_COLUMNS, "published_posts", "post")


def store_account_days(session: Session, rows: Sequence[AccountDayRow]) -> StoredDays:
    """Keeps one row per account and day. A later reading corrects figures, but erases none that it does not name."""
    return _store(session, _ACCOUNTS, rows, account_day_values)


def store_post_days(session: Session, rows: Sequence[PostDayRow]) -> StoredDays:
    """As `store_account_days`, per post and day."""
    return _store(session, _POSTS, rows, post_day_values)


def _store(
    session: Session, table: _Table, rows: Sequence[Row], values_of: Callable[[Row], tuple[Any, ...]]
) -> StoredDays:
    refused: list[tuple[tuple[int, date], str]] = []
    merged: dict[tuple[int, date], tuple[Any, ...]] = {}
    for row in rows:
        key = (_owner(row), row.day)
        try:
            values = values_of(row)
        except RefusedError as error:
            refused.append((key, str(error)))
            continue
        earlier, later = sorted((merged.get(key, values), values), key=lambda v: v[_FETCHED_AT])
        merged[key] = tuple(old if new is None else new for old, new in zip(earlier, later, strict=True))
    if not merged:
        return StoredDays([], refused)
    connection = session.connection()
    owners = sorted({owner for owner, _ in merged})
    known: set[int] = set(connection.exec_driver_sql(table.lock_owners, {"ids": owners}).scalars())
    refused += [(key, f"there is no such {table.thing}") for key in sorted(merged) if key[0] not in known]
    stored = [key for key in sorted(merged) if key[0] in known]
    if stored:
        connection.exec_driver_sql(table.store, {"rows": document(table.columns, [merged[key] for key in stored])})
    return StoredDays(stored, refused)


def _owner(row: AccountDayRow | PostDayRow) -> int:
    return row.social_account_id if isinstance(row, AccountDayRow) else row.post_id
