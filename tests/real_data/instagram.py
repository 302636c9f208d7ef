"""A set of Instagram: one creator's media (2021-12 to 2022-06), lifetime figures."""

from datetime import UTC, date, datetime

import pandas as pd

from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.world import World
from tests.real_data.realset import Reading, RealSet, count, frame, rows, standing_clock

FILE = "instagram_creator_2022/posts.csv"
ACCOUNT = "17841400000002022"
READ_AT = datetime(2022, 6, 30, tzinfo=UTC)
_FIRST_ID = 17_900_000_000_000_000


def creator() -> RealSet:
    """176 rows, each a post of its own with a made id, though some seem to be the same post read twice.

    Impressions are what Instagram calls views now. No reach. The time of day is not known: noon.
    """
    name = "Creator"
    account = Account("instagram", ACCOUNT, display_name=name, business=name, access_token="ig-token", login="facebook")
    posts, observations = [], []
    for row in rows(FILE):
        post_id = str(_FIRST_ID + int(row["row"]))
        published_at = datetime.fromisoformat(row["Date"]).replace(hour=12, tzinfo=UTC)
        posts.append(Post("instagram", ACCOUNT, post_id, published_at, "image"))
        observations.append(
            Observation(
                "instagram",
                post_id,
                READ_AT,
                likes=count(row["Likes"]),
                comments=count(row["Comments"]),
                shares=count(row["Shares"]),
                bookmarks=count(row["Saves"]),
                impressions=count(row["Impressions"]),
                profile_clicks=count(row["Profile Visits"]),
                follows=count(row["Follows"]),
            )
        )
    table = frame(FILE)
    keys = (table["row"] + _FIRST_ID).astype(str)
    moments = pd.to_datetime(table["Date"], utc=True) + pd.Timedelta(hours=12)
    return RealSet(
        "instagram",
        World("creator_2022", [account], posts, observations, clock=standing_clock(READ_AT)),
        [Reading(READ_AT, date(2021, 12, 10), date(2022, 6, 3), frozenset([ACCOUNT]))],
        posts=pd.DataFrame({"account": ACCOUNT, "business": name, "post": keys, "published_at": moments}),
        observed=pd.DataFrame(
            {
                "post": keys,
                "read_at": READ_AT,
                "likes_count": table["Likes"],
                "comments_count": table["Comments"],
                "shares_count": table["Shares"],
                "bookmarks_count": table["Saves"],
                "impressions": table["Impressions"],
            }
        ),
    )
