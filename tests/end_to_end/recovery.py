"""What the daemon does after a death, in one cycle, and whether all is well then.

The sensors are called as the daemon calls them, and the runs that they ask for are carried out. Time passes by moving
what the ledger wrote into the past.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from sqlalchemy import Engine, NullPool, create_engine, select, text
from sqlalchemy.orm import Session

from analytics_pipeline import runs
from analytics_pipeline.automation.dead_runs import dead_runs_sensor
from analytics_pipeline.database.models import Business, SyncUnit
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.world import World
from analytics_pipeline.sync.accounts import connect

POSTS_PER_DAY = 3


def world(first: date, last: date, accounts: tuple[str, ...] = ("10", "20")) -> World:
    """LinkedIn pages with three posts on every day; the n-th post of a page has n likes."""
    pages = [Account("linkedin", number, f"Page {number}", access_token=f"token-of-{number}") for number in accounts]
    posts, observations = [], []
    for page in pages:
        for n in range(((last - first).days + 1) * POSTS_PER_DAY):
            day = datetime.combine(first + timedelta(days=n // POSTS_PER_DAY), datetime.min.time(), UTC)
            urn = f"urn:li:share:{page.external_id}{n:06d}"
            posts.append(Post("linkedin", page.external_id, urn, day + timedelta(hours=1 + n % POSTS_PER_DAY)))
            observations.append(Observation("linkedin", urn, day, likes=n, comments=0, shares=0, impressions=1000))
    return World("deaths", pages, posts, observations)


def connect_pages(engine: Engine, sandbox_world: World, first: date) -> None:
    """All accounts of the world, to one business, with the days since `first` owed."""
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
        session.flush()
        business = session.get_one(Business, 1)
        for page in sandbox_world.accounts:
            connect(session, business, "linkedin", page.external_id, page.access_token, history_from=first)


def pass_time(engine: Engine, span: timedelta) -> None:
    """For the ledger, so much time passes."""
    moments = ("next_attempt_at", "asked_at", "started_at", "finished_at", "updated_at")
    moved = ", ".join(f"{name} = {name} - :span" for name in moments)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE sync_units SET {moved}"), {"span": span})


def recover(engine: Engine, instance: dg.DagsterInstance) -> None:
    """One cycle: dead runs are ended, what they left is taken back, and read again once its time has come."""
    context = dg.build_sensor_context(instance, resources={"database": DatabaseResource()})
    dead_runs_sensor(context)
    runs.run_due(instance)
    pass_time(engine, timedelta(minutes=20))
    for result in runs.run_due(instance):
        assert result.success, runs.problems([result])


def assert_all_is_well(engine: Engine, instance: dg.DagsterInstance, sandbox_world: World) -> None:
    """The tables equal the world: nothing missing, doubled or older; no run goes on, no place in a pool is taken."""
    expected = {post.post_id: n for post, n in zip(sandbox_world.posts, _likes(sandbox_world), strict=True)}
    with engine.connect() as connection:
        read = connection.execute(
            text("SELECT platform_post_id, (fetched_at AT TIME ZONE 'UTC')::date, likes_count FROM post_analytics")
        ).all()
        cached = connection.execute(text("SELECT platform_post_id, likes_count FROM published_posts"))
        latest = {row.platform_post_id: row.likes_count for row in cached}
        days = connection.execute(select(SyncUnit.publish_day, SyncUnit.state, SyncUnit.attempt_id)).all()
    assert len({(post, day) for post, day, _ in read}) == len(read), "nothing is doubled"
    assert {post: likes for post, _, likes in read} == expected
    assert latest == expected
    assert {(state, attempt) for _, state, attempt in days} == {("done", None)}
    assert instance.get_runs_count(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)) == 0
    for pool in ("linkedin_api", "dbt"):
        info = instance.event_log_storage.get_concurrency_info(pool)
        assert (info.active_slot_count, info.pending_step_count) == (0, 0)
    told = instance.get_materialized_partitions(dg.AssetKey(["linkedin", "post_analytics"]))
    assert told >= {post.published_at.date().isoformat() for post in sandbox_world.posts}, "the summaries follow"


def _likes(sandbox_world: World) -> list[int | None]:
    return [observation.likes for observation in sandbox_world.observations]


def dagster_engine(engine: Engine) -> Engine:
    """On Dagster's own database."""
    return create_engine(engine.url.set(database=f"{engine.url.database}_dagster"), poolclass=NullPool)
