"""The asset `<platform>/account_analytics`: figures of whole accounts by day, where the platform has them."""

from collections.abc import Collection
from time import monotonic

import dagster as dg
from sqlalchemy import select

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.shared import AccountConfig, asset_options, day_range, sync_service, table, used
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.platform_fetchers.usage import NOTHING_USED


def account_analytics_asset(platform: str) -> dg.AssetsDefinition:
    """The account figures asset of a platform."""

    @dg.asset(
        key=[platform, "account_analytics"],
        partitions_def=PUBLISH_DAYS,
        description=(
            f"Followers, impressions, reach … of whole {platform} accounts on the day (UTC), as the platform itself "
            "reports them. Never added to sums over posts. Days that the platform no longer keeps have no row."
        ),
        metadata={"dagster/table_name": "account_analytics"},
        **asset_options(platform),
    )
    def account_analytics(context: dg.AssetExecutionContext, config: AccountConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]
        first, last = day_range(context)
        began = monotonic()
        with sync_service(context, platform) as service:
            results = list(service.read_account_days(platform, first, last, config.accounts))
        if unread := set(config.accounts) - {result.account.id for result in results}:
            _tell_of_unread(context, platform, unread, nothing_read=not results)
        failed = [result for result in results if result.failure]
        if failed and len(failed) == len(results) and not any(result.found for result in failed):
            reasons = "; ".join(
                f"{result.account.name}: {result.failure.message}" for result in failed if result.failure
            )
            raise dg.Failure(
                f"No {platform} account gave figures for {first} to {last}: {reasons}", allow_retries=False
            )
        return dg.MaterializeResult(
            metadata={
                "account_days": sum(result.found for result in results),
                **used(sum((result.usage for result in results), NOTHING_USED)),
                "seconds": round(monotonic() - began, 2),
                "accounts": table(
                    {
                        "account": r.account.name,
                        "days": r.found,
                        **used(r.usage),
                        "problem": r.failure.message if r.failure else r.note,
                    }
                    for r in results
                ),
            }
        )

    return account_analytics


def _tell_of_unread(
    context: dg.AssetExecutionContext, platform: str, unread: Collection[int], *, nothing_read: bool
) -> None:
    """Names accounts that were asked for in vain; raises dg.Failure for ids of none where nothing else was read either."""
    with context.resources.database.session() as session:
        known = set(session.scalars(select(SocialAccount.id).where(SocialAccount.platform == platform)))
    if unknown := set(unread) - known:
        problem = f"no {platform} account has the id {_listed(unknown)}: analytics-pipeline accounts list shows them"
        if nothing_read:
            raise dg.Failure(f"No figures were read: {problem}", allow_retries=False)
        context.log.warning("%s", problem)
    if gone := known.intersection(unread):  # a schedule asked for them, and since then a person disconnected them
        context.log.warning("no longer connected, so not read: %s account %s", platform, _listed(gone))


def _listed(ids: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
