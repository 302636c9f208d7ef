"""Bulk writes against a plain-Python model: one row per post and UTC day, the newest reading wins, whatever the order."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database import writes
from analytics_pipeline.database.models import PostAnalytics, PublishedPost, RawObservation, SocialAccount

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIGURES: dict[str, Any] = dict.fromkeys(
    [
        "likes_count", "comments_count", "shares_count", "reactions_count", "retweets_count", "quote_tweets_count",
        "bookmarks_count", "impressions", "reach", "clicks", "url_clicks", "profile_clicks", "video_views",
        "video_watch_time", "engagement_rate", "click_through_rate",
    ]
)  # fmt: skip
POSTS = 4


def a_post(account: SocialAccount, name: str, **changes: Any) -> writes.PostRow:
    row = writes.PostRow(account.business_id, account.id, "twitter", name, NOON, f"https://x.com/i/{name}", "text")
    return replace(row, **changes)


def a_reading(post_id: int, at: datetime = NOON, raw: Any = None, **figures: Any) -> writes.ObservationRow:
    analytics = FIGURES | {
        "platform": "twitter",
        "platform_post_id": f"p{post_id}",
        "platform_post_url": None,
        "fetched_at": at,
    }
    return writes.ObservationRow(post_id, analytics | figures, raw, "2")


@pytest.fixture
def posts(engine: Engine, account: SocialAccount) -> list[int]:
    """The ids of some committed posts."""
    with Session(engine) as session, session.begin():
        upserted = writes.upsert_posts(session, [a_post(account, f"p{number}") for number in range(POSTS)])
    return sorted(upserted.ids.values())


# --- posts


def test_new_posts_are_added_once(session: Session, account: SocialAccount) -> None:
    rows = [a_post(account, name) for name in ("b", "a", "c", "a")]

    first = writes.upsert_posts(session, rows)
    again = writes.upsert_posts(session, rows)

    assert (first.inserted, first.changed, again.inserted, again.changed) == (3, 0, 0, 0)
    assert first.ids == again.ids
    assert set(first.ids) == {"a", "b", "c"}
    post = session.get_one(PublishedPost, first.ids["a"])
    assert (post.business_id, post.platform, post.status) == (account.business_id, "twitter", "published")
    assert (post.published_at, post.published_on) == (NOON, NOON.date())


def test_what_changed_is_corrected_and_what_is_missing_is_kept(session: Session, account: SocialAccount) -> None:
    writes.upsert_posts(session, [a_post(account, "a"), a_post(account, "b", platform_post_url=None, post_type=None)])

    second = writes.upsert_posts(
        session,
        [
            a_post(account, "a", platform_post_url=None, post_type=None),
            a_post(account, "b", platform_post_url="https://x.com/new", post_type="video"),
        ],
    )

    assert (second.inserted, second.changed) == (0, 1)
    a, b = session.get_one(PublishedPost, second.ids["a"]), session.get_one(PublishedPost, second.ids["b"])
    assert (a.platform_post_url, a.post_type) == ("https://x.com/i/a", "text")
    assert (b.platform_post_url, b.post_type) == ("https://x.com/new", "video")
    earlier = NOON - timedelta(hours=1)
    writes.upsert_posts(session, [a_post(account, "b", platform_post_url=None, post_type=None, published_at=earlier)])
    session.refresh(b)
    assert (b.platform_post_url, b.post_type, b.published_at) == ("https://x.com/new", "video", earlier)


def test_a_corrected_time_moves_the_observations_to_the_new_day(session: Session, account: SocialAccount) -> None:
    post_id = writes.upsert_posts(session, [a_post(account, "a")]).ids["a"]
    writes.store_observations(session, [a_reading(post_id)])

    others = [a_post(account, "new"), a_post(account, "a", published_at=NOON - timedelta(days=1))]
    moved = writes.upsert_posts(session, others)

    assert session.scalars(select(PostAnalytics.published_on)).all() == [date(2026, 2, 28)]
    assert (moved.inserted, moved.changed) == (1, 1)


@pytest.mark.parametrize(
    ("status", "expected"), [("unavailable", "published"), ("deleted", "published"), ("published", "published")]
)
def test_a_post_seen_again_is_available_again(
    session: Session, account: SocialAccount, status: str, expected: str
) -> None:
    post_id = writes.upsert_posts(session, [a_post(account, "a")]).ids["a"]
    post = session.get_one(PublishedPost, post_id)
    post.status, post.unavailable_since = status, None if status == "published" else NOON
    session.flush()

    writes.upsert_posts(session, [a_post(account, "a")])

    session.refresh(post)
    assert post.status == expected
    assert (post.unavailable_since is None) == (expected == "published")


def test_listing_a_post_leaves_its_figures_alone(session: Session, account: SocialAccount) -> None:
    post_id = writes.upsert_posts(session, [a_post(account, "a")]).ids["a"]
    writes.store_observations(session, [a_reading(post_id, likes_count=5, impressions=100, engagement_rate=5.0)])

    writes.upsert_posts(session, [a_post(account, "a", post_type="image")])

    post = session.get_one(PublishedPost, post_id)
    assert (post.likes_count, post.impressions, post.engagement_rate, post.last_synced_at) == (5, 100, 5.0, NOON)


def test_a_bad_post_costs_no_other(session: Session, account: SocialAccount) -> None:
    result = writes.upsert_posts(
        session,
        [
            a_post(account, "good"),
            a_post(account, "nul", platform_post_url="https://x.com/\x00"),
            a_post(account, "when", published_at=NOON.replace(tzinfo=None)),
            a_post(account, ""),
            a_post(account, "x" * 1001),
        ],
    )

    assert set(result.ids) == {"good"}
    assert dict(result.refused) == {
        "nul": "platform_post_url holds a NUL character",
        "when": "published_at is no time with a time zone",
        "": "platform_post_id is missing",
        "x" * 1001: "platform_post_id is longer than 1000 characters",
    }


def test_posts_of_two_accounts_in_one_call_are_an_error(session: Session, account: SocialAccount) -> None:
    with pytest.raises(ValueError, match="one account at a time"):
        writes.upsert_posts(session, [a_post(account, "a"), a_post(account, "b", social_account_id=account.id + 1)])


# --- observations: the model

EDGES = [
    datetime(2026, 3, 1, tzinfo=UTC) + delta
    for delta in (
        timedelta(0),
        timedelta(microseconds=1),
        timedelta(days=1, microseconds=-1),  # 23:59:59.999999
        timedelta(days=1),
        timedelta(days=2, microseconds=-1),
    )
]
ZONES = [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12, minutes=-30))]
moments = st.builds(datetime.astimezone, st.sampled_from(EDGES), st.sampled_from(ZONES))
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
readings = st.tuples(st.integers(0, POSTS - 1), moments, counts, counts)
batches = st.lists(st.lists(readings, max_size=8), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches)
def test_any_order_of_readings_leaves_the_newest_of_each_day(
    engine: Engine,
    posts: list[int],
    batches: list[list[tuple[int, datetime, int | None, int | None]]],
) -> None:
    by_day: dict[tuple[int, date], tuple[datetime, int | None, int | None]] = {}
    latest: dict[int, tuple[datetime, int | None]] = {}
    with Session(engine) as session:
        for batch in batches:
            rows = [
                a_reading(posts[post], at, {"likes": likes}, likes_count=likes, impressions=seen)
                for post, at, likes, seen in batch
            ]
            for _ in range(2):  # re-running is harmless
                result = writes.store_observations(session, rows)
                assert list(result.stored) == sorted({posts[post] for post, *_ in batch})
                assert not result.refused
            for post, at, likes, seen in batch:
                utc = at.astimezone(UTC)
                key = (posts[post], utc.date())
                if key not in by_day or by_day[key][0] <= utc:
                    by_day[key] = (utc, likes, seen)
                if posts[post] not in latest or latest[posts[post]][0] <= utc:
                    latest[posts[post]] = (utc, likes)

        observed = session.execute(
            select(
                PostAnalytics.post_id, PostAnalytics.fetched_at, PostAnalytics.likes_count, PostAnalytics.impressions
            )
        ).all()
        raw = session.execute(
            select(
                RawObservation.post_id, RawObservation.observed_on, RawObservation.fetched_at, RawObservation.payload
            )
        ).all()
        cached = session.execute(
            select(PublishedPost.id, PublishedPost.last_synced_at, PublishedPost.likes_count).where(
                PublishedPost.last_synced_at.is_not(None)
            )
        ).all()

    assert len(observed) == len(by_day)
    assert {(post, at.astimezone(UTC).date()): (at, likes, seen) for post, at, likes, seen in observed} == by_day
    assert {(post, day): (at, payload) for post, day, at, payload in raw} == {
        key: (at, {"likes": likes}) for key, (at, likes, _) in by_day.items()
    }
    assert {post: (at, likes) for post, at, likes in cached} == latest


def test_every_column_is_stored_as_given(session: Session, posts: list[int]) -> None:
    figures: dict[str, Any] = {
        name: number for number, name in enumerate(FIGURES) if not name.endswith(("_rate", "_time"))
    }
    figures |= {"likes_count": -1, "impressions": 2**63 - 1}
    rates: dict[str, Any] = {"video_watch_time": 12, "engagement_rate": 0.1 + 0.2, "click_through_rate": 1e-300}
    said = {"text": "…\\u0000 is not a NUL", "id": 10**30}
    row = a_reading(posts[0], raw=said, **figures, **rates)

    writes.store_observations(session, [row])

    stored = session.scalars(select(PostAnalytics)).one()
    assert {name: getattr(stored, name) for name in FIGURES} == figures | rates
    assert (stored.platform, stored.platform_post_id, stored.platform_post_url) == ("twitter", f"p{posts[0]}", None)
    assert (stored.published_on, stored.fetched_at) == (NOON.date(), NOON)
    raw = session.scalars(select(RawObservation)).one()
    assert (raw.payload, raw.api_version, raw.platform) == (said, "2", "twitter")


def test_bad_rows_are_refused_with_a_reason_and_the_rest_is_stored(session: Session, posts: list[int]) -> None:
    endless: list[Any] = []
    endless.append(endless)
    bad = {
        "likes_count is too large to store": a_reading(posts[0], likes_count=2**63),
        "reach is too large to store": a_reading(posts[0], reach=-(2**63) - 1),
        "clicks is no whole number": a_reading(posts[0], clicks=1.5),
        "shares_count is no whole number": a_reading(posts[0], shares_count=True),
        "engagement_rate is no finite number": a_reading(posts[0], engagement_rate=float("nan")),
        "video_watch_time is no finite number": a_reading(posts[0], video_watch_time=float("inf")),
        "platform_post_url holds a NUL character": a_reading(posts[0], platform_post_url="a\x00b"),
        "platform_post_url holds half a character (a lone surrogate)": a_reading(posts[0], platform_post_url="\ud800"),
        "platform_post_id is missing": a_reading(posts[0], platform_post_id=None),
        "fetched_at is no time with a time zone": a_reading(posts[0], NOON.replace(tzinfo=None)),
        "the reply holds a NUL character": a_reading(posts[0], raw={"text": ["\\\x00"]}),
        "the reply cannot be kept as JSON: ValueError": a_reading(posts[0], raw=endless),
        "the reply cannot be kept as JSON: UnicodeEncodeError": a_reading(posts[0], raw="\udfff"),
        "there is no such post": a_reading(10**9),
    }

    result = writes.store_observations(session, [a_reading(posts[2]), *bad.values(), a_reading(posts[1])])

    assert result.stored == [posts[1], posts[2]]
    assert result.refused == [(row.post_id, reason) for reason, row in bad.items()]
    assert session.scalars(select(PostAnalytics.post_id).order_by(PostAnalytics.post_id)).all() == [posts[1], posts[2]]


def test_nothing_to_store_is_no_error(session: Session) -> None:
    assert writes.store_observations(session, []) == writes.StoredObservations([], [])
    assert writes.store_observations(session, [a_reading(10**9)]).refused == [(10**9, "there is no such post")]
    assert writes.upsert_posts(session, []).ids == {}


def test_an_unreported_figure_is_unknown_and_not_the_older_one(session: Session, posts: list[int]) -> None:
    writes.store_observations(session, [a_reading(posts[0], likes_count=7, impressions=50)])
    writes.store_observations(session, [a_reading(posts[0], NOON + timedelta(hours=1), likes_count=0)])

    stored = session.scalars(select(PostAnalytics)).one()
    assert (stored.likes_count, stored.impressions) == (0, None)


def test_two_writers_of_the_same_posts_both_come_through(engine: Engine, account: SocialAccount) -> None:
    with Session(engine) as session, session.begin():
        names = [f"p{number}" for number in range(200)]
        ids = list(writes.upsert_posts(session, [a_post(account, name) for name in names]).ids.values())
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def write(step: int, hour: int) -> None:
        try:
            for minute in range(5):
                start.wait()
                at = NOON.replace(hour=hour, minute=minute)
                with Session(engine) as session, session.begin():
                    writes.upsert_posts(session, [a_post(account, name, post_type=f"{hour}") for name in names[::step]])
                with Session(engine) as session, session.begin():
                    writes.store_observations(session, [a_reading(post, at, likes_count=hour) for post in ids[::step]])
        except BaseException as error:
            failures.append(error)
            start.abort()

    writers = [threading.Thread(target=write, args=args) for args in ((1, 8), (-1, 9))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert not failures
    with Session(engine) as session:
        rows = session.execute(select(PostAnalytics.likes_count, PostAnalytics.fetched_at)).all()
    assert [tuple(row) for row in rows] == [(9, NOON.replace(hour=9, minute=4))] * len(ids)


def test_an_older_reading_that_waited_for_a_newer_one_replaces_nothing(engine: Engine, account: SocialAccount) -> None:
    """Its statement began before the newer one was committed, and sees the posts as they were then."""
    with Session(engine) as session, session.begin():
        ids = list(writes.upsert_posts(session, [a_post(account, name) for name in ("a", "b")]).ids.values())
    older: list[writes.StoredObservations] = []

    def write_older() -> None:
        with Session(engine) as session, session.begin():
            rows = [a_reading(post, NOON.replace(hour=8), likes_count=8) for post in ids]
            older.append(writes.store_observations(session, rows))

    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%observed AS%'"
    )
    writer = threading.Thread(target=write_older)
    with Session(engine) as session, session.begin():
        writes.store_observations(session, [a_reading(post, NOON, likes_count=12) for post in ids])
        writer.start()
        with Session(engine) as onlooker:
            while writer.is_alive() and not onlooker.scalar(waiting):
                onlooker.rollback()
                writer.join(0.01)
    writer.join()

    assert older[0].stored == sorted(ids)
    with Session(engine) as session:
        assert set(session.scalars(select(PostAnalytics.likes_count))) == {12}
        assert set(session.scalars(select(PublishedPost.likes_count))) == {12}
        assert set(session.scalars(select(PublishedPost.last_synced_at))) == {NOON}


def test_a_commit_of_readings_does_not_wait_for_the_disk_and_the_next_one_does(
    session: Session, posts: list[int]
) -> None:
    writes.store_observations(session, [a_reading(posts[0])])
    assert session.scalar(text("SHOW synchronous_commit")) == "off"
    session.commit()
    assert session.scalar(
        text("SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'")
    ) == session.scalar(text("SHOW synchronous_commit"))


def test_a_reading_that_was_planned_before_the_time_was_corrected_is_of_the_new_day(
    session: Session, account: SocialAccount
) -> None:
    post_id = writes.upsert_posts(session, [a_post(account, "a")]).ids["a"]
    planned = a_reading(post_id, likes_count=3)
    writes.upsert_posts(session, [a_post(account, "a", published_at=NOON - timedelta(days=1))])
    writes.store_observations(session, [planned])
    assert session.execute(select(PostAnalytics.published_on, PostAnalytics.likes_count)).all() == [
        (date(2026, 2, 28), 3)
    ]


def test_two_accounts_whose_posts_move_between_the_same_days_both_come_through(
    engine: Engine, account: SocialAccount
) -> None:
    """Their posts are in opposite order, as far as days go."""
    numbers = range(60)
    with Session(engine) as session, session.begin():
        other = SocialAccount(business_id=account.business_id, platform="twitter", external_id="other")
        session.add(other)
        session.flush()
        accounts = {1: account.id, -1: other.id}
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def write(step: int) -> None:
        try:
            for shift in range(6):
                at = [NOON + timedelta(days=100 * shift + 2 * number) for number in numbers[::step]]
                rows = [
                    a_post(account, f"p{n:02}", social_account_id=accounts[step], published_at=at[n]) for n in numbers
                ]
                start.wait()
                with Session(engine) as session, session.begin():
                    writes.upsert_posts(session, rows)
        except BaseException as error:
            failures.append(error)
            start.abort()

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, accounts))
    assert not failures
