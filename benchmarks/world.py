"""The world that is measured against: healthy accounts, all with equally many posts.

Here: rows for the sandbox, the same for the same arguments, and how few calls they need. Not here: worlds in which
things go wrong (the sandbox's generator), serving them (`processes.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil

from analytics_pipeline.sandbox.model import Account, FacebookSettings, Observation, Post, World
from analytics_pipeline.settings import get_settings

DAYS = 100
"""Publish days: with 1,000 posts, ten a day."""

KINDS = {
    "linkedin": "text image video image carousel link image text image link video image carousel link text",
    "twitter": "text image text link text image video text image link text image video link",
    "facebook": "image reel text image link video image reel link image text image reel link image video",
    "instagram": "image reel carousel image reel carousel reel image carousel reel image carousel reel image",
}
"""Post types in the order in which an account publishes them, again and again."""

_FIRST_ACCOUNT = {
    "linkedin": 40_000_001,
    "twitter": 2_200_000_001,
    "facebook": 104_900_000_000_001,
    "instagram": 17_841_400_000_000_001,
}
_X_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, UTC)


def accounts_of(platform: str, accounts: int) -> list[Account]:
    """The accounts of the world: connected, without limits of their own."""
    first = _FIRST_ACCOUNT[platform]
    return [
        Account(
            platform=platform,
            external_id=str(first + number),
            display_name=f"Account {number + 1}",
            business="Benchmark",
            username=f"account_{number + 1}",
            access_token=f"benchmark-{platform}-{number + 1}",
            followers=5_000,
            login="facebook" if platform == "instagram" else "",
        )
        for number in range(accounts)
    ]


def least_calls(platform: str, posts: int) -> int:
    """Calls that the listing and reading of one account need at least, by the platform's biggest pages and batches."""
    settings = get_settings()
    kinds = KINDS[platform].split()
    published = [kinds[n % len(kinds)] for n in range(posts)]  # newest first
    reels = published.count("reel")
    match platform:
        case "twitter":
            return ceil(posts / 100)
        case "linkedin":
            young = published[: ceil(posts * settings.linkedin_detail_days / DAYS)]
            details = ceil(len(young) / 50) + 2 * young.count("video")
            listed, read = ceil(posts / 100), ceil(posts / settings.linkedin_list_size)
            return listed + read + min(details, settings.linkedin_detail_calls)
        case "facebook":
            return ceil(posts / 50) + ceil(reels / 25)  # a reel is two entries of a batch: its video and its post
        case _:
            # Reels by their ids, the clicks of all others; and stories have a list of their own.
            return ceil(posts / 100) + ceil(reels / 50) + ceil((posts - reels) / 50) + 1


def make_world(platforms: Sequence[str], accounts: int, posts: int, now: datetime, days: int = DAYS) -> World:
    """`accounts` on each platform with `posts` posts each, spread evenly over the `days` before `now`.

    Each post has one reading.
    """
    owners = [(number, owner) for platform in platforms for number, owner in enumerate(accounts_of(platform, accounts))]
    apart = timedelta(days=days) / posts
    published = [post for number, owner in owners for post in _posts(owner, number, posts, now, apart)]
    readings = [_reading(post, n) for n, post in enumerate(published)]
    # A listing of all posts is what is measured: Facebook's own would end after 600 of a year.
    facebook = FacebookSettings(posts_listed_per_year=posts)
    return World("benchmark", [owner for _, owner in owners], published, readings, facebook=facebook)


def _posts(owner: Account, number: int, posts: int, now: datetime, apart: timedelta) -> Iterator[Post]:
    kinds = KINDS[owner.platform].split()
    for place in range(posts):
        serial = number * posts + place
        moment = now - (place + (number % 10 + 1) / 20) * apart
        kind = kinds[place % len(kinds)]
        post_id = _post_id(owner, serial, moment, kind)
        video = kind in ("video", "reel")
        yield Post(
            platform=owner.platform,
            external_id=owner.external_id,
            post_id=post_id,
            published_at=moment,
            post_type=kind,
            text=f"Post {place + 1} of {owner.display_name}: what is new this week, in one sentence and a link.",
            media_id=f"13_{serial}" if video and owner.platform == "twitter" else "",
            duration_s=30.0 if video else None,
        )


def _post_id(owner: Account, serial: int, moment: datetime, kind: str) -> str:
    match owner.platform:
        case "linkedin":
            return f"urn:li:{'ugcPost' if kind == 'video' else 'share'}:{7_200_000_000_000_000_000 + serial}"
        case "twitter":
            return str((((moment - _X_EPOCH) // timedelta(milliseconds=1)) << 22) | serial % 2**22)
        case "facebook":
            return f"{owner.external_id}_{122_000_000_000_000_000 + serial}"
        case _:
            return str(18_000_000_000_000_000 + serial)


def _reading(post: Post, serial: int) -> Observation:
    impressions = 200 + serial * 7_919 % 50_000
    return Observation(
        platform=post.platform,
        post_id=post.post_id,
        observed_at=post.published_at,
        likes=impressions // 40,
        comments=impressions // 300,
        shares=impressions // 400,
        quotes=impressions // 2_000 if post.platform == "twitter" else None,
        bookmarks=impressions // 900 if post.platform in ("twitter", "instagram") else None,
        impressions=impressions,
        reach=impressions * 3 // 4,
        clicks=impressions // 50,
        url_clicks=impressions // 90,
        profile_clicks=impressions // 700,
        engagements=impressions // 20,
        video_views=impressions // 3 if post.duration_s else None,
        watch_time_ms=impressions * 4_000 if post.duration_s else None,
        reaction_love=impressions // 200,
    )
