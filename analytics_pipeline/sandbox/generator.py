"""The demo world: invented businesses, posts and figures, the same for the same seed and moment.

Here: what is made up, and the four things that go wrong in it on purpose. Not here: the rows' meaning (model.py).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from analytics_pipeline.sandbox.model import (
    Account,
    AccountDay,
    FacebookSettings,
    Observation,
    Post,
    World,
)
from analytics_pipeline.sandbox.platforms import PLATFORMS

THROTTLED_SECONDS = 20.0
"""How long the one throttled account is refused, once (the X account of the first business)."""
DELETED_AFTER = timedelta(minutes=10)
"""When, after `now`, the one deleted post disappears (the oldest of the last business on X): it can be discovered first."""
FUTURE_DAYS = 30
"""Figures go on growing for so many days after `now`, so that a later reading shows more."""

_BUSINESSES = (
    ("Harbour Coffee Roasters", "Europe/Lisbon"),
    ("Northlight Cycles", "America/New_York"),
    ("Verdant Home Studio", "Australia/Sydney"),
    ("Kestrel Outdoor", "Europe/Oslo"),
    ("Lumen Books", "America/Chicago"),
)
_SUBJECTS = (
    "autumn menu",
    "workshop",
    "new arrivals",
    "behind the scenes",
    "team",
    "opening hours",
    "giveaway",
    "guide",
)
_OPENINGS = (
    "A look at our",
    "Everything about the",
    "Five things on our",
    "You asked for the",
    "Coming up: our",
    "The",
)
_AGES_HOURS = (1, 3, 8, 24, 48, 72, 120, 168, 240, 336, 504, 720, 1440, 2160)
"""Ages at which a post has a new reading."""
_CURVE_HOURS = 40.0
_X_EPOCH_MS = 1_288_834_974_657


@dataclass(frozen=True)
class _Habits:
    """How one platform's posts do: posts per day, kinds with weights, and typical rates per impression."""

    posts_per_day: float
    kinds: dict[str, int]
    seen_by: float
    likes: float
    comments: float
    shares: float
    clicks: float


_HABITS = {
    "linkedin": _Habits(
        1.0, {"text": 3, "image": 5, "video": 2, "carousel": 2, "link": 3}, 0.35, 0.022, 0.003, 0.002, 0.03
    ),
    "twitter": _Habits(1.9, {"text": 5, "image": 4, "video": 2, "link": 3}, 0.25, 0.014, 0.002, 0.003, 0.012),
    "facebook": _Habits(1.4, {"text": 2, "image": 6, "video": 2, "reel": 3, "link": 3}, 0.2, 0.02, 0.003, 0.002, 0.02),
    "instagram": _Habits(1.2, {"image": 5, "carousel": 4, "reel": 5}, 0.45, 0.05, 0.004, 0.006, 0.004),
}


def generate_world(
    seed: int, now: datetime, businesses: int = 3, days: int = 120, posts_per_day: float | None = None
) -> World:
    """A world with posts of the `days` before `now`; `posts_per_day` is per account (None = as usual per platform).

    On purpose: one account is rate limited once for 20 s, one has an expired token, one post is deleted ten
    minutes after `now`, one Facebook metric is retired. Raises ValueError for counts below one or a `now` without zone.
    """
    if businesses < 1 or days < 1:
        raise ValueError("a world needs at least one business and one day")
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    now = now.astimezone(UTC)
    random = Random(f"{seed}")  # noqa: S311 - figures, not secrets
    accounts: list[Account] = []
    posts: list[Post] = []
    observations: list[Observation] = []
    account_days: list[AccountDay] = []
    for number in range(businesses):
        name, timezone = _BUSINESSES[number % len(_BUSINESSES)]
        business = name if number < len(_BUSINESSES) else f"{name} {number // len(_BUSINESSES) + 1}"
        own = {platform: _account(random, platform, number, business, timezone) for platform in PLATFORMS}
        own["instagram"].login, own["instagram"].page_id = "facebook", own["facebook"].external_id
        for account in own.values():
            accounts.append(account)
            account_days += _account_days(random, account, now.date(), days)
            rate = posts_per_day or _HABITS[account.platform].posts_per_day
            for post in _posts(random, account, now, days, rate):
                posts.append(post)
                observations += _readings(random, account, post, now)
    _spoil(accounts, posts, now)
    retired = FacebookSettings(retired_metrics=["post_video_views"])
    return World(f"demo-{seed}", accounts, posts, observations, account_days, facebook=retired)


def _spoil(accounts: list[Account], posts: list[Post], now: datetime) -> None:
    """What goes wrong on purpose, apart from the retired metric."""
    throttled = next(account for account in accounts if account.platform == "twitter")
    throttled.rate_limit_after, throttled.rate_limit_seconds, throttled.rate_limit_once = 2, THROTTLED_SECONDS, True
    last = [account for account in accounts if account.platform == "instagram"][-1]
    last.token_state = "expired"  # noqa: S105 - a word, not a password
    owner = [account for account in accounts if account.platform == "twitter"][-1]
    mine = [post for post in posts if (post.platform, post.external_id) == owner.key]
    min(mine, key=lambda post: post.published_at).deleted_at = now + DELETED_AFTER


def _account(random: Random, platform: str, number: int, business: str, timezone: str) -> Account:
    handle = business.lower().replace(" ", "_")
    external_id = {
        "linkedin": str(40_012_345 + 1_117 * number + random.randrange(1_000)),
        "twitter": str(2_200_000_001 + 7_919 * number + random.randrange(7_000)),
        "facebook": str(104_928_374_650_192 + 31_337 * number + random.randrange(30_000)),
        "instagram": str(17_841_405_822_304_914 + 4_391 * number + random.randrange(4_000)),
    }[platform]
    return Account(
        platform=platform,
        external_id=external_id,
        display_name=business,
        business=business,
        username=handle[:15] if platform == "twitter" else handle,
        timezone=timezone,
        access_token=f"sandbox-{platform}-{number + 1}-{random.getrandbits(64):016x}",
        followers=round(random.lognormvariate(math.log(6_000), 0.6)),
    )


def _account_days(random: Random, account: Account, today: date, days: int) -> Iterator[AccountDay]:
    followers = account.followers or 0
    for offset in range(-days, FUTURE_DAYS):
        day = today + timedelta(days=offset)
        gain = round(random.gauss(followers * 0.0008, followers * 0.0008))
        followers += gain
        impressions = round(followers * random.lognormvariate(-0.9, 0.4))
        clicks = round(impressions * random.uniform(0.01, 0.03))
        figures = {
            "followers": followers,
            "follower_gain": gain,
            "impressions": impressions,
            "reach": round(impressions * random.uniform(0.55, 0.8)),
            "clicks": clicks,
            "url_clicks": clicks // 3,
            "likes": round(impressions * random.uniform(0.01, 0.04)),
            "comments": round(impressions * random.uniform(0.001, 0.004)),
            "shares": round(impressions * random.uniform(0.0005, 0.003)),
            "bookmarks": round(impressions * random.uniform(0.0005, 0.004)),
            "profile_views": round(impressions * random.uniform(0.005, 0.02)),
            "video_views": round(impressions * random.uniform(0.1, 0.3)),
        }
        for metric, value in figures.items():
            yield AccountDay(account.platform, account.external_id, day, metric, value)


def _posts(random: Random, account: Account, now: datetime, days: int, posts_per_day: float) -> Iterator[Post]:
    count = max(1, round(days * posts_per_day))
    moments: set[datetime] = set()
    while len(moments) < count:
        moment = now.replace(microsecond=0) - timedelta(seconds=random.randrange(300, days * 86_400))
        busy = math.exp(-(((moment.hour - 13) / 5) ** 2))  # most is published around noon
        if random.random() < busy + 0.02:
            moments.add(moment)
    kinds = _HABITS[account.platform].kinds
    for moment in sorted(moments):
        yield _post(random, account, moment, random.choices(list(kinds), list(kinds.values()))[0])
    if account.platform == "instagram":  # older ones could not be seen: stories live for a day
        for hours in (3, 9):
            yield _post(random, account, now.replace(microsecond=0) - timedelta(hours=hours), "story")


def _post(random: Random, account: Account, moment: datetime, kind: str) -> Post:
    milliseconds = round(moment.timestamp() * 1000)
    video = kind in ("video", "reel")
    media = ""
    if account.platform == "linkedin":
        number = (milliseconds << 22) | random.getrandbits(22)
        post_id = f"urn:li:{'ugcPost' if video or random.random() < 0.2 else 'share'}:{number}"
        url = f"https://www.linkedin.com/feed/update/{post_id}/"
        media = f"urn:li:video:D5F10AQ{number:x}" if video else ""
    elif account.platform == "twitter":
        number = ((milliseconds - _X_EPOCH_MS) << 22) | random.getrandbits(22)
        post_id, url = str(number), f"https://x.com/{account.username}/status/{number}"
        media = f"{13 if video else 3}_{number - 1}" if video or kind == "image" else ""
    elif account.platform == "facebook":
        number = 122_000_000_000_000_000 + milliseconds * 1_000 // 16 + random.randrange(60)
        post_id, url = (
            f"{account.external_id}_{number}",
            f"https://www.facebook.com/{account.external_id}/posts/{number}",
        )
        media = str(number - 7_000_000_000) if video else ""
    else:
        # Many accounts have a story of the same second.
        within_second = int(account.external_id) % 1000 * 400 + random.randrange(400)
        number = 17_000_000_000_000_000 + milliseconds * 500 + within_second
        post_id, url = str(number), f"https://www.instagram.com/{'reel' if video else 'p'}/{number:x}/"
    return Post(
        platform=account.platform,
        external_id=account.external_id,
        post_id=post_id,
        published_at=moment,
        post_type=kind,
        text=f"{random.choice(_OPENINGS)} {random.choice(_SUBJECTS)} #{account.business.split()[0].lower()}",
        url=url,
        media_id=media,
        duration_s=float(random.randrange(8, 95)) if video else None,
    )


def _readings(random: Random, account: Account, post: Post, now: datetime) -> Iterator[Observation]:
    """Lifetime figures at growing ages, up to some days after `now`. They never fall."""
    habits = _HABITS[post.platform]
    video = post.duration_s is not None
    impressions = (account.followers or 0) * habits.seen_by * random.lognormvariate(-0.3, 0.9) * (1.4 if video else 1.0)
    final = {
        "impressions": impressions,
        "reach": impressions * random.uniform(0.6, 0.9),
        "likes": impressions * habits.likes * random.lognormvariate(0, 0.5),
        "comments": impressions * habits.comments * random.lognormvariate(0, 0.8),
        "shares": impressions * habits.shares * random.lognormvariate(0, 0.8),
        "clicks": impressions * habits.clicks * random.lognormvariate(0, 0.5),
    }
    final["url_clicks"] = final["clicks"] * (0.7 if post.post_type == "link" else 0.1)
    final["profile_clicks"] = final["clicks"] * 0.15
    if video:
        final["video_views"] = impressions * random.uniform(0.3, 0.6)
        final["watch_time_ms"] = final["video_views"] * (post.duration_s or 0) * 1000 * random.uniform(0.2, 0.5)
    final |= _platform_figures(random, post.platform, final)
    horizon = now + timedelta(days=FUTURE_DAYS)
    for hours in _AGES_HOURS:
        moment = post.published_at + timedelta(hours=hours)
        if moment > horizon:
            return
        grown = 1 - math.exp(-hours / _CURVE_HOURS)
        yield Observation(
            post.platform, post.post_id, moment, **{name: int(value * grown) for name, value in final.items()}
        )


def _platform_figures(random: Random, platform: str, final: dict[str, float]) -> dict[str, float]:
    """What only some platforms have."""
    likes = final["likes"]
    if platform == "twitter":
        engaged = likes + final["comments"] + final["shares"] + final["clicks"]
        return {
            "quotes": final["shares"] * 0.2,
            "bookmarks": likes * random.uniform(0.03, 0.12),
            "engagements": engaged,
        }
    if platform == "instagram":
        return {"bookmarks": likes * random.uniform(0.03, 0.12)}
    if platform == "facebook":
        parts = {"reaction_love": 0.18, "reaction_wow": 0.03, "reaction_haha": 0.02, "reaction_sad": 0.01}
        return {name: likes * part for name, part in (parts | {"reaction_anger": 0.005}).items()}
    parts = {"reaction_praise": 0.12, "reaction_love": 0.08, "reaction_wow": 0.04, "reaction_support": 0.02}
    return {name: likes * part for name, part in parts.items()}
