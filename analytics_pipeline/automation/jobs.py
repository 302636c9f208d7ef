"""The jobs: per platform one for posts and one for the accounts' own figures, and one for summaries."""

from collections.abc import Collection

import dagster as dg

from analytics_pipeline.assets.shared import SUMMARIES
from analytics_pipeline.assets.state_checks import state_check_keys
from analytics_pipeline.platform_fetchers import FETCHERS


def sync_job_name(platform: str) -> str:
    """The name of the job that lists and reads a platform's posts."""
    return f"{platform}_sync"


SYNC_JOBS = {
    platform: dg.define_asset_job(
        sync_job_name(platform),
        # The checks of a platform's state are the sensor's: in a run they would be planned, and skipped.
        selection=dg.AssetSelection.assets([platform, "published_posts"], [platform, "post_analytics"])
        - dg.AssetSelection.checks(*state_check_keys(platform)),
        description=f"Lists the {platform} posts of the chosen days and reads their figures as of now.",
        tags={"platform": platform},
    )
    for platform in FETCHERS
}

ACCOUNT_JOBS = {
    platform: dg.define_asset_job(
        f"{platform}_account_analytics",
        selection=dg.AssetSelection.assets([platform, "account_analytics"]),
        description=f"Reads the own figures of {platform} accounts for the chosen days, as far as the platform keeps them.",
        tags={"platform": platform},
    )
    for platform in FETCHERS
}

SUMMARIES_JOB = dg.define_asset_job(
    "summaries",
    selection=dg.AssetSelection.groups(SUMMARIES),
    description="Rebuilds the summaries that posts published on the chosen days belong to.",
)


def only_due_config(platform: str) -> dict[str, object]:
    """Run config of a platform's job that works on nothing but what the ledger says is due."""
    return _sync_config(platform, "only_due")


def by_ladder_config(platform: str) -> dict[str, object]:
    """Run config of a platform's job that works on that, on what the refresh ladder says is due, and on new posts."""
    return _sync_config(platform, "by_ladder")


def accounts_config(platform: str, accounts: Collection[int]) -> dict[str, object]:
    """Run config of a platform's account job for these accounts alone; without any, for all."""
    return {"ops": {f"{platform}__account_analytics": {"config": {"accounts": sorted(accounts)}}}}


def _sync_config(platform: str, switch: str) -> dict[str, object]:
    return {
        "ops": {f"{platform}__{asset}": {"config": {switch: True}} for asset in ("published_posts", "post_analytics")}
    }
