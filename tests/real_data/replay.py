"""Real sets through the pipeline: sandbox over HTTP, the sync service alone or in a Dagster run, dbt; and what is stored then.

Not here: the sets, what is expected.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
from sqlalchemy import select, text

from analytics_pipeline.assets.analytics_summaries import summaries_assets
from analytics_pipeline.assets.post_analytics import post_analytics_asset
from analytics_pipeline.assets.published_posts import published_posts_asset
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.database.engine import get_engine, new_session
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.dbt_project import dbt_resource
from analytics_pipeline.resources import DatabaseResource, PlatformResource
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World, load_world, write_world
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import business_named, connect, disconnect
from tests.real_data.realset import Reading, RealSet

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def served(world: World, folder: Path) -> Iterator[SandboxServer]:
    """The world, once written to a folder and read back, as a running sandbox."""
    write_world(world, folder)
    with SandboxServer(load_world(folder)) as sandbox:
        yield sandbox


def read_in_a_run(
    real: RealSet, reading: Reading, sandbox: SandboxServer, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """One Dagster run over the days of a reading, with just its accounts connected; raises when it fails."""
    resource = _at_the_time_of(reading, real.platform, sandbox)
    return _materialize(
        [published_posts_asset(real.platform), post_analytics_asset(real.platform)],
        reading.first,
        reading.last,
        instance,
        {real.platform: resource},
    )


def read(real: RealSet, reading: Reading, sandbox: SandboxServer) -> None:
    """The same without a run, which spends a minute on the events of a thousand days."""
    resource = _at_the_time_of(reading, real.platform, sandbox)
    with new_session() as session:
        service = AnalyticsSyncService(session, make_fetcher=resource.fetcher, clock=resource.now, run_id="replay")
        listed = list(service.list_posts(real.platform, reading.first, reading.last))
        assert [result.failure for result in listed] == [None] * len(reading.accounts)
        days = service.read_days(real.platform, reading.first, reading.last, reuse_since=reading.at)
        assert all(day.complete for day in days)


def summarise(first: date, last: date, instance: dg.DagsterInstance) -> None:
    """`analytics_summaries` for the publish days `first` to `last`, dbt's tests included; raises when it fails."""
    dbt = dbt_resource()  # which starts no process only to ask dbt for its version
    chosen = dg.AssetSelection.assets("analytics_summaries").upstream()
    _materialize([summaries_assets()], first, last, instance, {"dbt": dbt}, chosen)


def stored(query: str, **parameters: object) -> pd.DataFrame:
    """What a query finds in the database, in Python's own types."""
    with get_engine().connect() as connection:
        result = connection.execute(text(query), parameters)
        return pd.DataFrame(result.all(), columns=list(result.keys()), dtype=object)


def stored_observations(real: RealSet) -> pd.DataFrame:
    """`post_analytics` of the businesses of a set; `post` and `read_at` as the set calls them."""
    return stored(
        """
        select a.platform_post_id as post, a.fetched_at as read_at, a.*
        from post_analytics a join published_posts p on p.id = a.post_id join businesses b on b.id = p.business_id
        where b.name = any(:names)
        """,
        names=sorted(set(real.posts.business)),
    )


def stored_summaries(real: RealSet) -> pd.DataFrame:
    """`analytics_summaries` of the businesses of a set, with their names."""
    return stored(
        """
        select b.name as business, s.* from analytics_summaries s join businesses b on b.id = s.business_id
        where b.name = any(:names)
        """,
        names=sorted(set(real.posts.business)),
    )


def _at_the_time_of(reading: Reading, platform: str, sandbox: SandboxServer) -> PlatformResource:
    _connect_only(sandbox.state.world, reading)
    sandbox.clock.set(reading.at)
    return PlatformResource(platform=platform, base_url=f"{sandbox.url}/{platform}", replay_at=reading.at.isoformat())


def _connect_only(world: World, reading: Reading) -> None:
    """A page that an export does not have is not connected while that export is replayed."""
    with new_session() as session, session.begin():
        for connected in session.scalars(select(SocialAccount.id)).all():
            disconnect(session, connected)
        for account in world.accounts:
            if account.external_id in reading.accounts:
                connect(
                    session,
                    business_named(session, account.business, create=True),
                    account.platform,
                    account.external_id,
                    account.access_token,
                    display_name=account.display_name,
                )


def _materialize(
    assets: list[dg.AssetsDefinition],
    first: date,
    last: date,
    instance: dg.DagsterInstance,
    resources: Mapping[str, object],
    selection: dg.AssetSelection | None = None,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        selection=selection,
        instance=instance,
        resources={"database": DatabaseResource(), **resources},
        tags=range_tags(first, last),
        run_config=_QUIET,
    )
