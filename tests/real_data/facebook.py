"""Two sets of Facebook: pages of Victoria Police (2018), exported up to three times, and a cosmetics brand (2014)."""

from datetime import UTC, date, datetime

import pandas as pd

from analytics_pipeline.sandbox.model import Account, FacebookSettings, Observation, Post
from analytics_pipeline.sandbox.world import World
from tests.real_data.realset import Reading, RealSet, count, frame, rows, standing_clock

POLICE = "facebook_police_pages_2018"
PERFORMANCE = (f"{POLICE}/post_performance_exported_20180912.csv", datetime(2018, 9, 12, 12, tzinfo=UTC))
SEPTEMBER = (f"{POLICE}/posts_exported_20180920.csv", datetime(2018, 9, 20, 1, 40, tzinfo=UTC))
OCTOBER = (f"{POLICE}/posts_exported_20181018.csv", datetime(2018, 10, 18, 5, 3, tzinfo=UTC))
BALLARAT = "103131960018479"

_TYPES = {"Photo": "image", "Video": "video", "Link": "link", "Status": "text", "Event": "event"}


def police() -> RealSet:
    """22 pages, each export one reading of the pages, and of the days, that stand in it.

    - `Reactions` are of all kinds together and the set does not say which: they enter as plain likes.
    - A post id that stands there several times (an album that grew) is one post: published when it first appears,
      with the figures of its newest row.
    - The seven posts of the performance export carry impressions, reach and clicks. The export of October, which has
      the seven again, does not say them: from then on they are unknown (NULL in the latest figures, kept in history),
      because old impressions beside new likes would be a rate that never was. Its time of day is not known: noon.
    - `Ow.ly Clicks` are counted by a link shortener, not by Facebook: left out.
    """
    accounts: dict[str, Account] = {}
    posts: dict[str, Post] = {}
    observations: dict[tuple[str, datetime], Observation] = {}
    for file, read_at in (PERFORMANCE, SEPTEMBER, OCTOBER):
        for row in sorted(rows(file), key=lambda row: row["Date (GMT)"]):
            page, post_id = row["Post ID"].split("_")[0], row["Post ID"]
            name = row["Facebook Page"]
            accounts.setdefault(
                page, Account("facebook", page, display_name=name, business=name, access_token=f"page-token-{page}")
            )
            published_at = datetime.fromisoformat(row["Date (GMT)"]).replace(tzinfo=UTC)
            posts.setdefault(post_id, Post("facebook", page, post_id, published_at, _TYPES[row["Post Type"]]))
            observations[post_id, read_at] = Observation(
                "facebook",
                post_id,
                read_at,
                likes=count(row["Reactions"]),
                comments=count(row["Comments"]),
                shares=count(row["Shares"]),
                impressions=count(row.get("Impressions", "")),
                reach=count(row.get("Reach", "")),
                clicks=count(row.get("Clicks", "")),
                url_clicks=count(row.get("Link Clicks", "")),
                video_views=count(row.get("Video Views", "")),
            )
    world = World(
        "police_2018", [*accounts.values()], [*posts.values()], [*observations.values()],
        clock=standing_clock(PERFORMANCE[1]),
        # An export holds all posts of a page; a list of the Graph API would end after 600 of a year.
        facebook=FacebookSettings(posts_listed_per_year=len(posts)),
    )  # fmt: skip
    exports = [frame(file).assign(read_at=read_at) for file, read_at in (PERFORMANCE, SEPTEMBER, OCTOBER)]
    table = pd.concat(exports, ignore_index=True)
    table = table.assign(
        post=table["Post ID"],
        business=table["Facebook Page"],
        account=table["Post ID"].str.split("_").str[0],
        published_at=pd.to_datetime(table["Date (GMT)"], utc=True),
    ).sort_values("published_at", kind="stable")
    newest_rows = table.drop_duplicates(["post", "read_at"], keep="last")
    return RealSet(
        "facebook",
        world,
        [_reading_of(table, read_at) for _, read_at in (PERFORMANCE, SEPTEMBER, OCTOBER)],
        posts=table.drop_duplicates("post")[["account", "business", "post", "published_at"]],
        observed=pd.DataFrame(
            {
                "post": newest_rows["post"],
                "read_at": newest_rows["read_at"],
                "likes_count": newest_rows["Reactions"],
                "reactions_count": newest_rows["Reactions"],
                "comments_count": newest_rows["Comments"],
                "shares_count": newest_rows["Shares"],
                "impressions": newest_rows["Impressions"],
                "reach": newest_rows["Reach"],
                "clicks": newest_rows["Clicks"],
                "url_clicks": newest_rows["Link Clicks"],
                "video_views": newest_rows["Video Views"],
            }
        ),
    )


def _reading_of(table: pd.DataFrame, read_at: datetime) -> Reading:
    export = table[table.read_at == read_at]
    days = export.published_at.dt.date
    return Reading(read_at, days.min(), days.max(), frozenset(export.account))


COSMETICS = "facebook_cosmetics_2014"
COSMETICS_PAGE = "100000000002014"
COSMETICS_READ_AT = datetime(2015, 1, 31, tzinfo=UTC)


def cosmetics() -> RealSet:
    """One page, 500 posts without ids and without days of the month: made ids, derived dates, the local hour taken as UTC.

    Consumptions are clicks. A blank like or share is a figure that the platform did not report.
    """
    made_id = f"{COSMETICS_PAGE}_{{}}".format
    name = "Cosmetics brand"
    account = Account("facebook", COSMETICS_PAGE, display_name=name, business=name, access_token="page-token-cosmetics")
    posts, observations = [], []
    for row, dated in zip(rows(f"{COSMETICS}/posts.csv"), rows(f"{COSMETICS}/derived_dates.csv"), strict=True):
        post_id = made_id(dated["row"])
        published_at = datetime.fromisoformat(dated["derived_date"]).replace(hour=int(dated["hour"]), tzinfo=UTC)
        posts.append(Post("facebook", COSMETICS_PAGE, post_id, published_at, _TYPES[row["Type"]]))
        observations.append(
            Observation(
                "facebook",
                post_id,
                COSMETICS_READ_AT,
                likes=count(row["like"]),
                comments=count(row["comment"]),
                shares=count(row["share"]),
                impressions=count(row["Lifetime Post Total Impressions"]),
                reach=count(row["Lifetime Post Total Reach"]),
                clicks=count(row["Lifetime Post Consumptions"]),
            )
        )
    world = World("cosmetics_2014", [account], posts, observations, clock=standing_clock(COSMETICS_READ_AT))
    figures, dates = frame(f"{COSMETICS}/posts.csv"), frame(f"{COSMETICS}/derived_dates.csv")
    keys = dates["row"].astype(str).map(made_id)
    moments = pd.to_datetime(dates["derived_date"], utc=True) + pd.to_timedelta(dates["hour"].astype(int), unit="h")
    return RealSet(
        "facebook",
        world,
        [Reading(COSMETICS_READ_AT, date(2014, 1, 1), date(2014, 12, 31), frozenset([COSMETICS_PAGE]))],
        posts=pd.DataFrame({"account": COSMETICS_PAGE, "business": name, "post": keys, "published_at": moments}),
        observed=pd.DataFrame(
            {
                "post": keys,
                "read_at": COSMETICS_READ_AT,
                "likes_count": figures["like"],
                "reactions_count": figures["like"],
                "comments_count": figures["comment"],
                "shares_count": figures["share"],
                "impressions": figures["Lifetime Post Total Impressions"],
                "reach": figures["Lifetime Post Total Reach"],
                "clicks": figures["Lifetime Post Consumptions"],
            }
        ),
    )
