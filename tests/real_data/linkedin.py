"""A set of LinkedIn: replies of the share statistics of two pages, read on twelve days of October 2021."""

from datetime import UTC, datetime, time, timedelta

import pandas as pd

from analytics_pipeline.automation.ranges import grouped
from analytics_pipeline.sandbox.model import Account, LinkedInSettings, Observation, Post
from analytics_pipeline.sandbox.world import World
from tests.real_data.realset import Reading, RealSet, count, frame, rows, standing_clock

FILE = "linkedin_company_share_stats_2021/share_statistics.csv"
ORGANIZATION = "urn:li:organization:"
LONGEST_RUN = 60
"""Days. Four years with 74 days that have posts are read in parts, since Dagster takes its time for every day."""


def company() -> RealSet:
    """80 posts, 16 of them read two or four times. Every day with a reading is read once, at its end.

    - The posts are older than the twelve months that LinkedIn documents, and it answered all the same: the world's
      window is opened as wide. −1 shares and falling impressions are what it said.
    - On a day that has no reading of a post, nobody knows what it said: the world leaves the post out, as LinkedIn
      does with posts it has no statistics of. The pipeline must take that for absent: no zero, no row.
    - Of two readings of one post on one day, the later stays.
    """
    accounts: dict[str, Account] = {}
    posts: dict[str, Post] = {}
    observations = []
    for row in rows(FILE):
        number, urn = row["_organization_entity_urn"].removeprefix(ORGANIZATION), row["_share_entity_urn"]
        name = f"Organization {number}"
        accounts.setdefault(
            number, Account("linkedin", number, display_name=name, business=name, access_token=f"li-token-{number}")
        )
        published_at = datetime.fromisoformat(row["derived_published_at_utc"]).replace(tzinfo=UTC)
        posts.setdefault(urn, Post("linkedin", number, urn, published_at))
        read_at = datetime.fromisoformat(row["_fivetran_synced"]).replace(tzinfo=UTC)
        observations.append(
            Observation(
                "linkedin",
                urn,
                read_at,
                likes=count(row["like_count"]),
                comments=count(row["comment_count"]),
                shares=count(row["share_count"]),
                impressions=count(row["impression_count"]),
                clicks=count(row["click_count"]),
            )
        )
        next_day = datetime.combine(read_at.date() + timedelta(days=1), time(), UTC)
        observations.append(Observation("linkedin", urn, next_day))
    table = frame(FILE).assign(
        synced=lambda t: pd.to_datetime(t["_fivetran_synced"], utc=True),
        read_at=lambda t: t["synced"].dt.floor("D") + pd.Timedelta(hours=23, minutes=59),
        published_at=lambda t: pd.to_datetime(t["derived_published_at_utc"], utc=True),
        account=lambda t: t["_organization_entity_urn"].str.removeprefix(ORGANIZATION),
        business=lambda t: "Organization " + t["account"],
        post=lambda t: t["_share_entity_urn"],
    )
    last_of_day = table.sort_values("synced").drop_duplicates(["post", "read_at"], keep="last")
    readings = [
        Reading(read_at.to_pydatetime(), first, last, frozenset(accounts))
        for read_at, days in table["published_at"].dt.date.groupby(table["read_at"])
        for first, last in reversed(grouped(days, LONGEST_RUN, gap=LONGEST_RUN))
    ]
    return RealSet(
        "linkedin",
        World(
            "company_2021", [*accounts.values()], [*posts.values()], observations,
            clock=standing_clock(readings[0].at), linkedin=LinkedInSettings(history_days=3650),
        ),
        readings,
        posts=table.drop_duplicates("post")[["account", "business", "post", "published_at"]],
        observed=pd.DataFrame(
            {
                "post": last_of_day["post"],
                "read_at": last_of_day["read_at"],
                "likes_count": last_of_day["like_count"],
                "comments_count": last_of_day["comment_count"],
                "shares_count": last_of_day["share_count"],
                "impressions": last_of_day["impression_count"],
                "clicks": last_of_day["click_count"],
            }
        ),
    )  # fmt: skip
