"""Two sets of X: a community's account (2016 to 2021) with the author's own figures, and two public figures (2014 to 2017)."""

from datetime import UTC, date, datetime

import pandas as pd

from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.world import World
from tests.real_data.realset import Reading, RealSet, count, frame, rows, standing_clock

COMMUNITY = "x_community_org_2016_2021/tweets.csv"
COMMUNITY_ID = "2016"
FIRST_EXPORT = datetime(2017, 1, 1, tzinfo=UTC)
LAST_EXPORT = datetime(2022, 1, 1, tzinfo=UTC)
PRIVATE_DAYS = pd.Timedelta(days=30)


def community() -> RealSet:
    """1,668 posts, each with the figures that it had when its month was exported (the end of `export_file`'s period).

    X shows clicks on links and on the profile to the author alone, and only within 30 days of publication (x.md §7). So
    the world has them all, a reading on the day of the first and one on that of the last export gets those of their
    own month, and everything else stays NULL. Of the month that is read twice, the first reading keeps them.
    X has no total of clicks. `media views` count pictures too, which X's `view_count` of videos does not: left out.
    """
    name = "Community"
    account = Account("twitter", COMMUNITY_ID, display_name=name, business=name, access_token="x-token-community")
    posts, observations = [], []
    for row in rows(COMMUNITY):
        published_at = datetime.strptime(row["time"], "%Y-%m-%d %H:%M %z")
        exported_at = datetime.strptime(row["export_file"][-8:], "%Y%m%d").replace(tzinfo=UTC)
        kind = "reply" if row["is_reply"] == "1" else "text"
        posts.append(Post("twitter", COMMUNITY_ID, row["Tweet id"], published_at, kind))
        observations.append(
            Observation(
                "twitter",
                row["Tweet id"],
                exported_at,
                likes=count(row["likes"]),
                comments=count(row["replies"]),
                shares=count(row["retweets"]),
                impressions=count(row["impressions"]),
                url_clicks=count(row["url clicks"]),
                profile_clicks=count(row["user profile clicks"]),
                engagements=count(row["engagements"]),
                follows=count(row["follows"]),
            )
        )
    table = frame(COMMUNITY)
    keys, moments = table["Tweet id"].astype(str), pd.to_datetime(table["time"], utc=True)
    figures = pd.DataFrame(
        {
            "post": keys,
            "likes_count": table["likes"],
            "reactions_count": table["likes"],
            "comments_count": table["replies"],
            "shares_count": table["retweets"],
            "retweets_count": table["retweets"],
            "impressions": table["impressions"],
            "url_clicks": table["url clicks"],
            "profile_clicks": table["user profile clicks"],
        }
    )
    observed = []
    for read_at in (FIRST_EXPORT, LAST_EXPORT):
        seen = figures[moments < read_at].assign(read_at=read_at)
        past = read_at - moments[moments < read_at] > PRIVATE_DAYS
        seen.loc[past, ["url_clicks", "profile_clicks"]] = pd.NA
        observed.append(seen)
    accounts = frozenset([COMMUNITY_ID])
    return RealSet(
        "twitter",
        World("community_2016", [account], posts, observations, clock=standing_clock(FIRST_EXPORT)),
        [
            Reading(FIRST_EXPORT, date(2016, 12, 1), date(2016, 12, 31), accounts),
            Reading(LAST_EXPORT, date(2016, 12, 1), date(2021, 12, 31), accounts),
        ],
        posts=pd.DataFrame({"account": COMMUNITY_ID, "business": name, "post": keys, "published_at": moments}),
        observed=pd.concat(observed, ignore_index=True),
    )


FIGURES = "x_public_figures_2014_2017/tweets.csv"
FIGURES_IDS = {"president_44": "44", "president_45": "45"}
FIGURES_READ_AT = datetime(2017, 10, 24, tzinfo=UTC)
TIMELINE = 3200


def public_figures() -> RealSet:
    """Two accounts with 3,207 and 3,232 posts, read at the end of the day on which the set was closed.

    X lists an account's newest 3,200 posts, retweets counted (x.md §3): the oldest cannot be found, though the world
    has them. Retweets of others are no posts of the account and are not listed; replies are.
    """
    accounts = [
        Account("twitter", user_id, display_name=label, business=label, access_token=f"x-token-{label}")
        for label, user_id in FIGURES_IDS.items()
    ]
    posts, observations = [], []
    for row in rows(FIGURES):
        published_at = datetime.strptime(row["created_at"], "%m/%d/%y %H:%M").replace(tzinfo=UTC)
        kind = "reply" if row["is_reply"] == "1" else "text"
        retweet_of = str(int(row["tweet_id"]) - 1) if row["is_retweet"] == "1" else ""  # the original is not in the set
        posts.append(
            Post("twitter", FIGURES_IDS[row["account"]], row["tweet_id"], published_at, kind, reshare_of=retweet_of)
        )
        observations.append(
            Observation(
                "twitter",
                row["tweet_id"],
                FIGURES_READ_AT,
                likes=count(row["favorites"]),
                comments=count(row["replies"]),
                shares=count(row["retweets"]),
            )
        )
    table = frame(FIGURES).assign(moment=lambda t: pd.to_datetime(t["created_at"], format="%m/%d/%y %H:%M", utc=True))
    listed = table.sort_values(["moment", "tweet_id"], ascending=False).groupby("account").head(TIMELINE)
    own = listed[listed["is_retweet"] == 0]
    keys = own["tweet_id"].astype(str)
    return RealSet(
        "twitter",
        World("public_figures_2017", accounts, posts, observations, clock=standing_clock(FIGURES_READ_AT)),
        [Reading(FIGURES_READ_AT, date(2014, 8, 14), date(2017, 10, 23), frozenset(FIGURES_IDS.values()))],
        posts=pd.DataFrame(
            {
                "account": own["account"].map(FIGURES_IDS),
                "business": own["account"],
                "post": keys,
                "published_at": own["moment"],
            }
        ),
        observed=pd.DataFrame(
            {
                "post": keys,
                "read_at": FIGURES_READ_AT,
                "likes_count": own["favorites"],
                "reactions_count": own["favorites"],
                "comments_count": own["replies"],
                "shares_count": own["retweets"],
                "retweets_count": own["retweets"],
            }
        ),
    )
