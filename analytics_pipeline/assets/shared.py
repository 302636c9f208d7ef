"""What the raw assets of every platform have in common: their run config, their days, their service, account tables."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TypedDict

import dagster as dg
from pydantic import Field

from analytics_pipeline import logs
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.resources import DatabaseResource, PlatformResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, results

BACKFILL_POLICY = dg.BackfillPolicy.multi_run(get_settings().backfill_days_per_run)

OWNERS = ["team:analytics"]

SUMMARIES = "summaries"
"""The group of all dbt assets."""


class SyncConfig(dg.Config):
    """How much of the chosen days a run works on."""

    only_due: bool = Field(
        default=False,
        description="Work only on what the ledger says is due: new, or waiting until a time that has passed.",
    )
    by_ladder: bool = Field(
        default=False,
        description="Besides that, read what the refresh ladder says is due, and list the last two days.",
    )


class AccountConfig(dg.Config):
    """Which accounts a run reads the figures of."""

    accounts: list[int] = Field(default=[], description="Ids of the accounts; empty: all of the platform.")


class AssetOptions(TypedDict):
    """Arguments of `@dg.asset` that all raw assets of a platform share."""

    group_name: str
    owners: list[str]
    tags: dict[str, str]
    kinds: set[str]
    pool: str
    backfill_policy: dg.BackfillPolicy
    required_resource_keys: set[str]


def asset_options(platform: str) -> AssetOptions:
    """The shared arguments for one platform."""
    return AssetOptions(
        group_name=platform,
        owners=OWNERS,
        tags={"platform": platform},
        kinds={"python", "postgres"},
        pool=f"{platform}_api",
        backfill_policy=BACKFILL_POLICY,
        required_resource_keys={"database", platform},
    )


def day_range(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and last publish day of the run, both included."""
    days = context.partition_keys
    return date.fromisoformat(days[0]), date.fromisoformat(days[-1])


@contextmanager
def sync_service(context: dg.AssetExecutionContext, platform: str) -> Iterator[AnalyticsSyncService]:
    """The sync service on the run's database and platform; log lines within the block tell both."""
    database: DatabaseResource = context.resources.database
    resource: PlatformResource = getattr(context.resources, platform)
    with database.session() as session, logs.about(run=context.run.run_id, platform=platform):
        yield AnalyticsSyncService(
            session, make_fetcher=resource.fetcher, clock=resource.now, run_id=context.run.run_id
        )


def used(usage: Usage) -> dict[str, int | float]:
    """Usage as run metadata: calls, posts read, dollars where the platform charges, unknown errors where there were any."""
    shown = results.used(usage)
    if not usage.unknown_errors:
        del shown["unknown_errors"]
    return {name: value for name, value in shown.items() if value is not None}


def table(rows: Iterable[Mapping[str, str | int | float | None]]) -> dg.TableMetadataValue:
    """Rows as a table in the UI; what a row does not know, or has no value for, is an empty cell."""
    known = [{name: value for name, value in row.items() if value is not None} for row in rows]
    names = list(dict.fromkeys(name for row in known for name in row))
    records = [dg.TableRecord({name: row.get(name, "") for name in names}) for row in known]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in names]))
