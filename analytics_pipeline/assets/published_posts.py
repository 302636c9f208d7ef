"""The asset `<platform>/published_posts`: which posts the connected accounts published on a day (discovery)."""

from collections.abc import Iterator
from time import monotonic

import dagster as dg

from analytics_pipeline import logs
from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.shared import SyncConfig, asset_options, day_range, sync_service, table, used
from analytics_pipeline.platform_fetchers.usage import NOTHING_USED

CHECK = "every_account_listed"


def published_posts_asset(platform: str) -> dg.AssetsDefinition:
    """The discovery asset of a platform."""

    @dg.asset(
        key=[platform, "published_posts"],
        partitions_def=PUBLISH_DAYS,
        description=(
            f"Posts that the connected {platform} accounts published on the day (UTC), listed page by page. Figures that "
            "a listing carries are stored at once and not read a second time. An account that cannot be listed costs no "
            "other account; its days stay due in the ledger."
        ),
        metadata={"dagster/table_name": "published_posts"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK, asset=[platform, "published_posts"], description="Every connected account answered the listing."
            )
        ],
        **asset_options(platform),
    )
    def published_posts(context: dg.AssetExecutionContext, config: SyncConfig) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        first, last = day_range(context)
        began = monotonic()
        with sync_service(context, platform) as service:
            results = []
            for result in service.list_posts(
                platform, first, last, only_due=config.only_due, by_ladder=config.by_ladder
            ):
                results.append(result)
                why = (
                    f"failed: {result.failure.message}" if result.failure else f"{result.found} posts, {result.new} new"
                )
                with logs.about(account=result.account.name):
                    context.log.info("%s: %s", result.account.name, why)
        failed = [result for result in results if result.failure]
        reasons = "; ".join(f"{result.account.name}: {result.failure.message}" for result in failed if result.failure)
        # A run that fails here reads no figures, which may have a quota of their own.
        throttled = any(result.failure.error_class == "throttled" for result in failed if result.failure)
        if failed and len(failed) == len(results) and not throttled:
            raise dg.Failure(
                f"No {platform} account could be listed for {first} to {last}: {reasons}", allow_retries=False
            )
        yield dg.MaterializeResult(
            metadata={
                "posts": sum(result.found for result in results),
                "new_posts": sum(result.new for result in results),
                "accounts_failed": len(failed),
                **used(sum((result.usage for result in results), NOTHING_USED)),
                "seconds": round(monotonic() - began, 2),
                "accounts": table(
                    {
                        "account": r.account.name,
                        "posts": r.found,
                        "new": r.new,
                        **used(r.usage),
                        "problem": r.failure.message if r.failure else r.note,
                    }
                    for r in results
                ),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=not failed,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{reasons}. Their days stay in the ledger: what passes is tried again by itself, "
                    "what needs a person stands in `analytics-pipeline status`."
                    if failed
                    else f"All {len(results)} accounts answered for {first} to {last}.",
                )
            ],
        )

    return published_posts
