"""Bulk writes inside the caller's transaction: posts and observations.

Here: which reading wins, in which order rows are locked. Not here: what a row may hold (`rows.py`), series by day
(`day_writes.py`), transactions and the ledger (`sync`). Every call locks its rows in the order of their keys, so that
two writers never wait for each other in a circle, as long as a transaction makes one call per table. A row that cannot
be stored is refused with its reason; the others are stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from analytics_pipeline.database.rows import (
    ANALYTICS_COLUMNS,
    POST_COLUMNS,
    RAW_COLUMNS,
    ObservationRow,
    PostRow,
    RefusedError,
    observation_values,
    post_values,
)

__all__ = [
    "ObservationRow",
    "PostRow",
    "StoredObservations",
    "UpsertedPosts",
    "store_observations",
    "upsert_posts",
]


@dataclass(frozen=True, slots=True)
class UpsertedPosts:
    """How many posts are new and how many have changed, the id of each by `platform_post_id`; and what was refused.

    `refused` is (platform_post_id, reason); such a post has no id here.
    """

    inserted: int
    changed: int
    ids: Mapping[str, int]
    refused: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class StoredObservations:
    """Posts with a reading that is kept (or is older than the one kept); and (post id, reason) of what is not."""

    stored: Sequence[int]
    refused: Sequence[tuple[int, str]]


def rows_given(columns: Mapping[str, str]) -> str:
    """A source of rows: one JSON document, as `document` makes it. For many columns a COPY is faster."""
    kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"json_to_recordset(%(rows)s::json) AS given ({kinds})"


def document(columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """`rows`, each in the order of `columns`, for `rows_given`."""
    names = tuple(columns)
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()


# --- posts

# Days that posts leave or come to are noted by a trigger too, but post by post: another account's posts may move between
# the same days in another order, and both would wait for each other.
_UPSERT_POSTS = f"""
WITH given AS MATERIALIZED (
    SELECT {", ".join(POST_COLUMNS)}, (published_at AT TIME ZONE 'UTC')::date AS day FROM {rows_given(POST_COLUMNS)}
),
moved AS (
    SELECT given.platform, given.day, p.published_on
    FROM given JOIN published_posts AS p USING (social_account_id, platform_post_id) WHERE p.published_on <> given.day
),
noted AS (
    INSERT INTO changed_days (asset, platform, day)
    SELECT 'published_posts', platform, day FROM given WHERE %(tell)s
    UNION SELECT 'published_posts', platform, unnest(ARRAY[day, published_on]) FROM moved
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING
)
INSERT INTO published_posts AS p ({", ".join(POST_COLUMNS)})
SELECT {", ".join(POST_COLUMNS)} FROM given ORDER BY social_account_id, platform_post_id
ON CONFLICT (social_account_id, platform_post_id) DO UPDATE SET
    published_at = excluded.published_at,
    platform_post_url = coalesce(excluded.platform_post_url, p.platform_post_url),
    post_type = coalesce(excluded.post_type, p.post_type),
    status = 'published',
    unavailable_since = NULL
WHERE (p.published_at, p.platform_post_url, p.post_type) IS DISTINCT FROM (
    excluded.published_at,
    coalesce(excluded.platform_post_url, p.platform_post_url),
    coalesce(excluded.post_type, p.post_type)
) OR p.status <> 'published'
RETURNING platform_post_id, id, xmax = 0 AS is_new
"""  # noqa: S608 - names of columns only
# The publish day is kept beside each observation, as the post has it: it follows a platform that corrects the time.
_MOVE_OBSERVATIONS = """
UPDATE post_analytics AS a SET published_on = p.published_on FROM published_posts AS p
WHERE p.id = ANY(%(ids)s) AND a.post_id = p.id AND a.published_on <> p.published_on
"""
# A join, which looks up each post: without statistics a list of names may be searched for in all posts of the account.
_POST_IDS = """
SELECT platform_post_id, id FROM unnest(%(posts)s::text[]) AS given (platform_post_id)
JOIN published_posts USING (platform_post_id) WHERE social_account_id = %(account)s
"""


def upsert_posts(session: Session, rows: Sequence[PostRow], *, tell: bool = False) -> UpsertedPosts:
    """Adds the posts of one account that are new, and corrects those whose time, link or type has changed.

    The publish days between which posts move are noted in `changed_days`, with `tell` all that the rows name.

    A link or type that is missing this time is kept. Cached figures are not touched. What is listed exists: a post that
    was `unavailable`, or even `deleted`, is `published` again. Of a post given twice, the last row counts.
    """
    accepted: dict[str, tuple[Any, ...]] = {}
    refused: list[tuple[str, str]] = []
    for row in rows:
        if row.social_account_id != rows[0].social_account_id:
            raise ValueError("upsert_posts takes the posts of one account at a time")
        try:
            accepted[row.platform_post_id] = post_values(row)
        except RefusedError as error:
            refused.append((row.platform_post_id, str(error)))
    if not accepted:
        return UpsertedPosts(0, 0, {}, refused)
    connection = session.connection()
    parameters = {"rows": document(POST_COLUMNS, accepted.values()), "tell": tell}
    written = connection.exec_driver_sql(_UPSERT_POSTS, parameters).all()
    changed = [row.id for row in written if not row.is_new]
    if changed:
        connection.exec_driver_sql(_MOVE_OBSERVATIONS, {"ids": changed})
    ids: dict[str, int] = {row.platform_post_id: row.id for row in written}
    if unchanged := [name for name in accepted if name not in ids]:
        found = connection.exec_driver_sql(_POST_IDS, {"account": rows[0].social_account_id, "posts": unchanged})
        ids |= {row.platform_post_id: row.id for row in found}
    return UpsertedPosts(len(written) - len(changed), len(changed), ids, refused)


# --- observations

_STAGED_COLUMNS = {**ANALYTICS_COLUMNS, **RAW_COLUMNS, "newest": "bool"}
_OBSERVED_COLUMNS = (*ANALYTICS_COLUMNS, "published_on")
_FETCHED_AT = list(_STAGED_COLUMNS).index("fetched_at")
_CACHED = ("likes_count", "comments_count", "shares_count", "impressions", "engagement_rate")


def _newer_wins(columns: Iterable[str]) -> str:
    """For an insert into a table called `old`: of two readings of a post on one UTC day, the later stays."""
    assignments = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"DO UPDATE SET {assignments} WHERE old.fetched_at <= excluded.fetched_at"


# The locks on the posts stand for the rows of all three tables: whoever holds them writes alone. The sort takes them all,
# in the order of their keys, before the first row is written.
# The commit does not wait for the disk. A crash of the server could cost the transactions of its last moments, each whole:
# with the figures goes the ledger's word that the unit is done, so that it is read again. The next commit that does wait
# (the end of a listing, the bill of an account, Dagster's events on the same server) makes all before it lasting.
_STORE = f"""
WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
locked AS MATERIALIZED (
    SELECT p.id, p.published_on FROM relaxed, published_posts AS p WHERE p.id = ANY(%(ids)s::bigint[])
    ORDER BY p.id FOR NO KEY UPDATE OF p
),
staged AS (DELETE FROM observations_given RETURNING *),
given AS MATERIALIZED (
    SELECT staged.*, locked.published_on FROM staged JOIN locked ON locked.id = staged.post_id ORDER BY post_id, fetched_at
),
observed AS (
    INSERT INTO post_analytics AS old ({", ".join(_OBSERVED_COLUMNS)})
    SELECT {", ".join(_OBSERVED_COLUMNS)} FROM given
    ON CONFLICT (post_id, ((fetched_at AT TIME ZONE 'UTC')::date))
    {_newer_wins(name for name in _OBSERVED_COLUMNS if name != "post_id")}
),
kept AS (
    INSERT INTO raw_observations AS old (post_id, platform, api_version, payload, fetched_at)
    SELECT post_id, platform, api_version, payload::jsonb, fetched_at FROM given
    ON CONFLICT (post_id, observed_on)
    {_newer_wins(("platform", "api_version", "payload", "fetched_at"))}
),
cached AS (
    UPDATE published_posts AS p
    SET last_synced_at = given.fetched_at, {", ".join(f"{name} = given.{name}" for name in _CACHED)}
    FROM given
    WHERE p.id = given.post_id AND p.id = ANY(%(ids)s::bigint[]) AND given.newest
        AND (p.last_synced_at IS NULL OR p.last_synced_at <= given.fetched_at)
)
SELECT id FROM locked
"""  # noqa: S608 - names of columns only
# A table for a session's life: to make one for every transaction would take longer than to fill it.
_MAKE_STAGE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS observations_given
({", ".join(f"{name} {kind}" for name, kind in _STAGED_COLUMNS.items())}) ON COMMIT DELETE ROWS
"""


def store_observations(session: Session, rows: Sequence[ObservationRow]) -> StoredObservations:
    """Keeps one reading per post and UTC day, the newest, with the reply it came from; refreshes the posts' figures.

    The order of rows and of calls does not matter, nor does storing a reading twice. An older reading never replaces a
    newer one, and the figures cached on a post follow its newest reading.
    """
    refused: list[tuple[int, str]] = []
    newest_of_day: dict[tuple[int, date], tuple[Any, ...]] = {}
    for row in rows:
        try:
            values = observation_values(row)
        except RefusedError as error:
            refused.append((row.post_id, str(error)))
            continue
        day = (row.post_id, values[_FETCHED_AT].date())
        if day not in newest_of_day or newest_of_day[day][_FETCHED_AT] <= values[_FETCHED_AT]:
            newest_of_day[day] = values
    if not newest_of_day:
        return StoredObservations([], refused)
    wanted = sorted({post_id for post_id, _ in newest_of_day})
    newest_day = dict(sorted(newest_of_day))
    ids = "{" + ",".join(map(str, wanted)) + "}"  # an array's own notation: the driver takes long to write one
    connection = session.connection()
    _stage(connection, [(*row, newest_day[post_id] == day) for (post_id, day), row in newest_of_day.items()])
    known: Sequence[int] = connection.exec_driver_sql(_STORE, {"ids": ids}).scalars().all()
    refused += [(post_id, "there is no such post") for post_id in sorted(set(wanted).difference(known))]
    return StoredObservations(known, refused)


def _stage(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    connection.exec_driver_sql(_MAKE_STAGE)
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    with driver_connection.cursor().copy("COPY observations_given FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(list(_STAGED_COLUMNS.values()))  # binary: three times as fast as text
        for row in rows:
            copy.write_row(row)
