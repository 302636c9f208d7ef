"""The figures of a report, read from the marts as tables.

Here: SQL and pandas. Not here: pictures (`pictures.py`), the page (`page.py`). Unknown figures stay empty.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from psycopg import postgres
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

TOP_POSTS = 10
PERIODS = {"daily": 90, "weekly": 53, "monthly": 25}
"""How many of the newest periods with posts a page draws: at least a quarter of days, a year of weeks, two of months."""

_SUMMARIES = """
select summaries.business_id, summaries.period_type, summaries.period_start, summaries.period_end, summaries.platform,
    summaries.total_posts, summaries.total_likes, summaries.total_comments, summaries.total_shares,
    summaries.total_engagements, summaries.total_impressions, summaries.total_reach, summaries.total_clicks,
    summaries.total_video_views, summaries.avg_engagement_rate, summaries.avg_click_through_rate,
    summaries.engagement_growth, coverage.posts_read, coverage.posts_with_likes, coverage.posts_with_comments,
    coverage.posts_with_shares, coverage.posts_with_engagements, coverage.posts_with_impressions,
    coverage.posts_with_reach, coverage.posts_with_clicks, coverage.posts_with_video_views,
    coverage.posts_with_engagement_rate, coverage.posts_with_click_through_rate,
    case
        when summaries.engagement_growth is not null
            then coverage.posts_with_engagements < summaries.total_posts
                or lag(coverage.posts_with_engagements < summaries.total_posts) over (
                    partition by summaries.platform order by summaries.period_start
                )
    end as growth_of_some_posts
from analytics_summaries as summaries
join summary_coverage as coverage on coverage.id = summaries.id
where summaries.business_id = :business and summaries.period_type = :period
order by summaries.period_start, summaries.platform = 'all', summaries.platform
"""
_TOP_POSTS = """
select posts.platform, posts.published_at, posts.post_type, posts.platform_post_id, posts.platform_post_url,
    posts.status, performance.engagements, performance.multiple_of_median, performance.impressions, performance.engagement_rate
from post_performance as performance
join published_posts as posts on posts.id = performance.post_id
where performance.business_id = :business and performance.published_on >= :first and performance.engagements is not null
order by performance.engagements desc, performance.impressions desc nulls last, posts.published_at
limit :most
"""
# Accounts of one name are told apart by the platform's id of them.
_ACCOUNTS = """
with accounts as (
    select id, platform || ' ' || name || case
        when count(*) over (partition by platform, name) > 1 then ' (' || external_id || ')' else ''
    end as account
    from (
        select id, platform, external_id, coalesce(display_name, external_id) as name
        from social_accounts where business_id = :business
    ) as named
)
"""
_POSTING_TIMES = f"""
{_ACCOUNTS}
select accounts.account, times.platform, times.time_zone, times.weekday, times.hour, times.posts,
    times.rated_posts, times.window_start, times.window_end, times.median_engagement_rate, times.recommendation
from posting_times as times
join accounts on accounts.id = times.social_account_id
where times.business_id = :business
order by times.platform, times.social_account_id, times.weekday, times.hour
"""  # noqa: S608 - no value is put in
_FOLLOWERS = f"""
{_ACCOUNTS}
select accounts.account, growth.platform, growth.day, growth.followers
from account_growth as growth
join accounts on accounts.id = growth.social_account_id
where growth.followers is not null and growth.day >= :first
order by growth.platform, accounts.id, growth.day
"""  # noqa: S608 - no value is put in

_NOT_READ = f"""
{_ACCOUNTS}
select accounts.account, social_accounts.status, social_accounts.status_reason
from accounts
join social_accounts using (id)
where social_accounts.status <> 'connected'
order by accounts.account
"""  # noqa: S608 - no value is put in
# What was read, or found, after its day was built last.
_NOT_BUILT = """
select count(*) as posts
from published_posts as posts
left join post_performance as performance on performance.post_id = posts.id
where posts.business_id = :business and (
    performance.post_id is null or posts.last_synced_at is distinct from performance.last_read_at
)
"""

_TYPES = {
    "bool": "boolean",
    "int2": "Int64",
    "int8": "Int64",
    "float8": "Float64",
    "text": "string",
    "varchar": "string",
    "date": "date32[day][pyarrow]",
    "timestamptz": "datetime64[us, UTC]",
}
"""Type in PostgreSQL → in a table. All of them know NULL: a count that is unknown in one row stays whole in the others.

Not guessed from the figures, as files of two businesses would not fit together.
"""


_NOT_AS_EXPECTED = {"42P01": "were never built", "42703": "were built by another version of the pipeline"}
"""PostgreSQL's code (undefined_table, undefined_column) → what it means for the marts."""


class NoSummariesError(RuntimeError):
    """The summaries were never built, or not by this version."""


@dataclass(frozen=True, slots=True)
class State:
    """What a reader has to know of the summaries of one business."""

    not_read: pd.DataFrame
    """The accounts that are not connected: account, status, status_reason."""
    not_built: int
    """Posts that were found or read since their summaries were built."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a page shows of one business.

    Days and moments are UTC, but days of followers on Facebook and Instagram Pacific time, and hours of `posting_times`
    the business's own.
    """

    since: date | None
    """The first day of what is shown, where there is more before it."""
    state: State
    summaries: pd.DataFrame
    top_posts: pd.DataFrame
    posting_times: pd.DataFrame
    followers: pd.DataFrame


def summaries(engine: Engine, business_id: int, period: str) -> pd.DataFrame:
    """Rows of `analytics_summaries` of a business, the oldest period first; `period` is daily, weekly or monthly.

    Raises NoSummariesError where dbt has never run.
    """
    return _read(engine, _SUMMARIES, business=business_id, period=period)


def state(engine: Engine, business_id: int) -> State:
    """Which accounts are not read, and how far the summaries are behind. Raises NoSummariesError."""
    (posts,) = _read(engine, _NOT_BUILT, business=business_id)["posts"]
    return State(_read(engine, _NOT_READ, business=business_id), int(posts))


def tables(engine: Engine, business_id: int, period: str) -> Tables:
    """What the page needs, for the newest PERIODS of the kind. Raises NoSummariesError."""
    all_periods = summaries(engine, business_id, period)
    starts = sorted(all_periods["period_start"].unique().tolist())[-PERIODS[period] :]
    first = starts[0] if starts else date.min
    return Tables(
        since=first if (all_periods["period_start"] < first).any() else None,
        state=state(engine, business_id),
        summaries=all_periods[all_periods["period_start"] >= first],
        top_posts=_read(engine, _TOP_POSTS, business=business_id, first=first, most=TOP_POSTS),
        posting_times=_read(engine, _POSTING_TIMES, business=business_id),
        followers=_read(engine, _FOLLOWERS, business=business_id, first=first),
    )


def _read(engine: Engine, statement: str, **parameters: Any) -> pd.DataFrame:
    try:
        with engine.connect() as connection:
            result = connection.execute(text(statement), parameters)
            columns: Any = result.cursor.description  # psycopg's, which know more than those of all drivers
            types = {column.name: _TYPES[postgres.types[column.type_code].name] for column in columns}
            return pd.DataFrame(result.all(), columns=list(types), dtype=object).astype(types)
    except ProgrammingError as error:
        state = _NOT_AS_EXPECTED.get(getattr(error.orig, "sqlstate", ""))
        if state is None:
            raise
        raise NoSummariesError(
            f"the summaries {state}: run `analytics-pipeline backfill` first, or materialise them in the UI"
        ) from None
