"""What must be true at the end of a virtual week: everything found, every figure true, the ladder kept, nothing in vain.

Not here: the week itself (`virtual_week.py`), its world and its faults (`test_week.py`).
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from analytics_pipeline.sandbox.model import Account, Observation, Post, World
from analytics_pipeline.sandbox.platforms import PLATFORMS
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import TwitterPrices
from tests.end_to_end.virtual_week import Week

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = 0.8
"""The part of the faulty time in which no app is throttled: only accounts."""
DEAD = {"linkedin": 2, "instagram": 1}
"""The last account of each loses its token for ever, and nothing refreshes it. Then so many calls are made in all: LinkedIn
also says of a token made just now that it is revoked, so it is asked once more after some seconds."""


def living(world: World) -> list[Account]:
    """All accounts but those that are dead in the end."""
    dead = {world.accounts_of(platform)[-1].key for platform in DEAD}
    return [account for account in world.accounts if account.key not in dead]


def assert_everything_was_found(engine: Engine, world: World, end: datetime) -> None:
    """Every post that can be seen in the end, and was there at the last tick."""
    shown: set[tuple[Any, ...]] = {
        (post.platform, post.post_id)
        for account in living(world)
        for post in world.posts_of(account, end)
        if post.published_at < end - HOUR
    }
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT platform, platform_post_id FROM published_posts"))
        found: set[tuple[Any, ...]] = {tuple(row) for row in rows}
    assert len(shown) > len(world.posts) / 2
    assert not shown - found, shown - found


def assert_newest_readings_are_true(engine: Engine, world: World, end: datetime) -> None:
    """Each post's newest figures are those that the sandbox had at the moment that they carry."""
    newest = text(
        "SELECT DISTINCT ON (post_id) platform, platform_post_id, fetched_at, likes_count, comments_count, impressions"
        " FROM post_analytics ORDER BY post_id, fetched_at DESC"
    )
    with engine.connect() as connection:
        read = {(row.platform, row.platform_post_id): row for row in connection.execute(newest)}
        cached = text("SELECT count(*) FROM published_posts p WHERE last_synced_at IS DISTINCT FROM"
            " (SELECT max(fetched_at) FROM post_analytics a WHERE a.post_id = p.id)")  # fmt: skip
        assert connection.scalar(cached) == 0
    wrong = []
    for account in living(world):
        for post in world.posts_of(account, end):
            if post.published_at >= end - HOUR:
                continue
            row = read[post.platform, post.post_id]
            truth = world.observation(post, row.fetched_at)
            figures = figures_shown(post, truth)
            if (row.likes_count, row.comments_count, row.impressions) != figures:
                wrong.append((post.platform, post.post_type, post.post_id, tuple(row)[2:], figures))
    assert not wrong, wrong


def figures_shown(post: Post, truth: Observation | None) -> tuple[int | None, int | None, int | None]:
    """Likes, comments and impressions as the platform tells them, which is not always all."""
    if post.post_type == "story":  # no likes, and nothing at all below five viewers
        return (None, truth.comments, truth.impressions) if truth and (truth.reach or 0) >= 5 else (None, None, None)
    if truth is None:  # Instagram has no insights before the first figures, and counts likes and comments all the same
        return (0, 0, None) if post.platform == "instagram" else (0, 0, 0)
    return (truth.likes, truth.comments, truth.impressions)


def assert_the_ladder_was_kept(
    week: Week, world: World, healthy: set[tuple[str, str]], start: datetime, until: Mapping[str, datetime]
) -> None:
    """Posts of accounts that nothing happened to were read exactly as often as the ladder says, `until` by platform."""
    wrong = []
    ticks: dict[str, list[datetime]] = {
        name: [began for began, platform in week.refreshed if platform == name and began < until[name]]
        for name in PLATFORMS
    }
    for account in world.accounts:
        if account.key not in healthy:
            continue
        units: dict[date, list[Post]] = defaultdict(list)
        for post in world.posts:
            if (post.platform, post.external_id) == account.key and not post.parent_id:
                units[post.published_at.date()].append(post)
        for posts in units.values():
            if any(post.deleted_at for post in posts):
                continue
            for post in posts:
                read = hours([at for at in week.readings[post.platform, post.post_id] if at < until[post.platform]])
                own = ticks[post.platform]
                # The listing of X reads figures too, that of Instagram those of some kinds of posts.
                expected = hours(ladder_readings(post, posts, start, own, listed=post.platform == "twitter"))
                if post.platform == "instagram" and set(expected) <= set(read):
                    expected = [at for at in hours(ladder_readings(post, posts, start, own, listed=True)) if at in read]
                if read != expected:
                    wrong.append(
                        (
                            post.platform,
                            post.published_at,
                            f"read {len(read)}, not {len(expected)}",
                            surplus(read, expected),
                        )
                    )
    assert not wrong, "\n".join(map(str, wrong))


def assert_only_the_app_was_held(until: Mapping[str, datetime], start: datetime, quiet: datetime) -> None:
    """No account that nothing happened to was ever throttled, but by the app of Facebook and Instagram, late."""
    late = start + LATE * (quiet - start)
    assert {name: moment for name, moment in until.items() if name in ("linkedin", "twitter") and moment < quiet} == {}
    assert until["instagram"] >= late, until["instagram"]


RUNGS = ((DAY, HOUR), (7 * DAY, 6 * HOUR), (30 * DAY, DAY), (90 * DAY, 7 * DAY))
"""The default ladder, written down once more."""


def ladder_readings(
    post: Post, of_day: list[Post], start: datetime, ticks: list[datetime], listed: bool
) -> list[datetime]:
    """When a post is read: when it is found, and then with its day, whose youngest post says how often; when `listed` too."""
    moments = [start] if post.published_at < start else []  # the history, at once
    for tick in ticks:
        known = [other.published_at for other in of_day if other.published_at <= tick]
        if post.published_at > tick:
            continue
        newest, last = max(known), moments[-1] if moments else None
        every = next((every for younger, every in RUNGS if tick - newest < younger), None)
        due = last is None or (every is not None and epoch(last) // every < epoch(tick) // every)
        if listed:
            due |= (tick.date() - post.published_at.date()).days <= 1
        if post.platform == "twitter":  # once more before the private figures end
            due |= last is not None and last < newest + 28 * DAY <= tick < newest + 29 * DAY
        if due:
            moments.append(tick)
    return moments


def surplus(read: list[datetime], expected: list[datetime]) -> list[str]:
    """The hours in which a post was read and should not, or the other way round."""
    return [f"{moment:%d %Hh}" for moment in sorted(set(read) ^ set(expected))]


def hours(moments: list[datetime]) -> list[datetime]:
    """The hour of each; X is listed, and so read, twice in the first one."""
    return list(dict.fromkeys(moment.replace(minute=0, second=0, microsecond=0) for moment in moments))


def epoch(moment: datetime) -> timedelta:
    return moment - datetime(1970, 1, 1, tzinfo=UTC)


def assert_dead_tokens_were_left_alone(sandbox: SandboxServer, world: World, since: datetime) -> None:
    """A refusal for good is heard by one run, and is the last call of the account."""
    for platform, calls_in_all in DEAD.items():
        key = world.accounts_of(platform)[-1].key
        calls = [each for each in sandbox.requests if (each.platform, each.account) == key and each.at >= since]
        refused = [record.at for record in calls if record.status in (400, 401) and not record.fault]
        assert (len(refused), calls[-1].at) == (calls_in_all, refused[-1])
        assert refused[-1] - refused[0] < timedelta(minutes=1)


def assert_the_ledger_is_clean(engine: Engine) -> None:
    """All is done, but what waits for a new token, and says so."""
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT a.platform, u.state, a.status, u.error_message IS NULL OR a.status_reason IS NULL, count(*)"
                " FROM sync_units u JOIN social_accounts a ON a.id = u.social_account_id"
                " WHERE u.state <> 'done' GROUP BY 1, 2, 3, 4 ORDER BY 1")
        ).all()  # fmt: skip
    assert [tuple(row)[:4] for row in left] == [(name, "needs_reauth", "needs_reauth", False) for name in sorted(DEAD)]


def assert_billed_once(engine: Engine, sandbox: SandboxServer) -> None:
    """What the pipeline believes to have paid is what X has charged, each thing once a day."""
    prices = TwitterPrices.model_construct()
    charged = sum((getattr(prices, name) for day in sandbox.billed.values() for name in day.values()), Decimal(0))
    with engine.connect() as connection:
        paid = connection.scalar(text("SELECT sum(cost_usd) FROM api_usage WHERE platform = 'twitter'"))
    assert charged > 0
    assert paid == charged
