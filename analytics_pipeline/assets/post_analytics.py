"""The asset `<platform>/post_analytics`: the figures of the posts of a day, as of now, one observation per post.

A run over many days logs each day as it ends, so that one bad day costs one day: the finished ones stay materialised.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic

import dagster as dg

from analytics_pipeline import logs
from analytics_pipeline.assets.checks import figure_check_specs, figure_checks
from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.shared import SyncConfig, asset_options, day_range, sync_service, table, used
from analytics_pipeline.sync.results import DayResult, SyncTotals

CHECK = "day_complete"


def post_analytics_asset(platform: str) -> dg.AssetsDefinition:
    """The figures asset of a platform."""
    key = dg.AssetKey([platform, "post_analytics"])

    @dg.asset(
        key=key,
        deps=[[platform, "published_posts"]],
        partitions_def=PUBLISH_DAYS,
        output_required=False,
        description=(
            f"Figures of the {platform} posts published on the day (UTC), read now: likes, comments, shares, impressions, "
            "reach, clicks … A figure that the platform does not report is NULL, never 0. History is kept: one row per "
            "post and day of reading. A day with some account missing is materialised with a failing check."
        ),
        metadata={"dagster/table_name": "post_analytics"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                partitions_def=PUBLISH_DAYS,
                description="Every post of the day is stored, or its absence explained.",
            ),
            *figure_check_specs(platform),
        ],
        **asset_options(platform),
    )
    def post_analytics(
        context: dg.AssetExecutionContext, config: SyncConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult | dg.Output[None]]:
        first, last = day_range(context)
        began = monotonic()
        bad_days: list[DayResult] = []
        totals = SyncTotals()
        with sync_service(context, platform) as service:
            for day in service.read_days(
                platform,
                first,
                last,
                only_due=config.only_due,
                by_ladder=config.by_ladder,
                reuse_since=_run_began(context, platform),
            ):
                if (config.only_due or config.by_ladder) and not any(unit.touched for unit in day.units):
                    # Dagster would show its check, planned for all days of the run, as skipped.
                    if not day.complete and all(unit.state != "running" for unit in day.units):
                        _log_check(context, day)
                    continue  # nothing of the day was due: it stays as it was materialised before
                if day.stored_anything:
                    metadata = _metadata(day, monotonic() - began)
                    if first == last:
                        yield dg.MaterializeResult(metadata=metadata)  # what is made of it follows in the same run
                    else:  # a result would be one of all days of the run
                        context.log_event(
                            dg.AssetMaterialization(key, partition=str(day.publish_day), metadata=metadata)
                        )
                _log_check(context, day)
                _warn(context, day)
                for unit in day.units:
                    totals.add(unit)
                if not day.stored_anything:
                    bad_days.append(day)
        with context.resources.database.session() as session:
            yield from figure_checks(session, platform, first, last)
        with logs.about(platform=platform):
            context.log.info(
                "%d posts of %s to %s: %d synced, %d failed, %d rate limited, %d API calls",
                totals.posts, first, last, totals.synced, totals.failed, totals.rate_limited, totals.usage.calls,
            )  # fmt: skip
        if bad_days:
            reasons = sorted({unit.reason for day in bad_days for unit in day.units})
            raise dg.Failure(
                f"Nothing could be stored for {len(bad_days)} of {len(context.partition_keys)} days. "
                + " ".join(reasons[:10]),
                allow_retries=False,  # the ledger knows when to come back
                metadata={"days": ", ".join(str(day.publish_day) for day in bad_days)},
            )
        # The evaluations were logged day by day; this only says that the check has run.
        yield dg.Output(None, output_name=f"{platform}__post_analytics_{CHECK}")

    return post_analytics


def _run_began(context: dg.AssetExecutionContext, platform: str) -> datetime | None:
    """When this run began, or the moment that it replays: what its own listing has read since is not read again."""
    began = context.instance.get_run_stats(context.run.run_id).start_time
    now: datetime = getattr(context.resources, platform).now()
    return min(datetime.fromtimestamp(began, UTC), now) if began else None


def _metadata(day: DayResult, seconds: float) -> dict[str, dg.MetadataValue | str | float]:
    totals = SyncTotals.of(day.units)
    read_before = _read_before(day)
    return {
        "state": "complete" if day.complete else "partial",
        "posts": totals.posts,
        "synced": totals.synced,
        **({"read_before": read_before} if read_before else {}),
        "failed": totals.failed,
        "rate_limited": totals.rate_limited,
        "accounts_failed": sum(not unit.complete for unit in day.units),
        **used(totals.usage),
        "seconds": round(seconds, 2),
        "accounts": table(
            {
                "account": unit.account,
                "state": unit.state,
                "posts": unit.posts_expected,
                "synced": unit.posts_synced,
                **used(unit.usage),
                "problem": unit.reason or None,
            }
            for unit in day.units
        ),
    }


def _log_check(context: dg.AssetExecutionContext, day: DayResult) -> None:
    totals = SyncTotals.of(day.units)
    context.log_event(
        dg.AssetCheckEvaluation(
            asset_key=context.asset_key,
            check_name=CHECK,
            partition=day.publish_day.isoformat(),
            passed=day.complete,
            description=_reasons(day)
            or f"{totals.synced + _read_before(day)} of {totals.posts} posts stored, the rest explained.",
        )
    )


def _warn(context: dg.AssetExecutionContext, day: DayResult) -> None:
    if reasons := _reasons(day):
        with logs.about(day=day.publish_day):
            context.log.warning("%s: %s", day.publish_day, reasons)


def _reasons(day: DayResult) -> str:
    return " ".join(unit.reason for unit in day.units if not unit.complete)


def _read_before(day: DayResult) -> int:
    return sum(unit.posts_synced for unit in day.units if not unit.touched)
