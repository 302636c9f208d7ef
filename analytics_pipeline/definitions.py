"""The code location: puts the parts together, decides nothing."""

import gc

# What is imported stays. A quarter of the start of every run went to looking for garbage among it: here, and at its end.
gc.disable()

import dagster as dg

from analytics_pipeline import logs, run_logger
from analytics_pipeline.assets.account_analytics import account_analytics_asset
from analytics_pipeline.assets.analytics_summaries import summaries_assets
from analytics_pipeline.assets.checks import summaries_equal_raw
from analytics_pipeline.assets.post_analytics import post_analytics_asset
from analytics_pipeline.assets.published_posts import published_posts_asset
from analytics_pipeline.assets.state_checks import all_state_checks
from analytics_pipeline.automation.alerts_sensor import alerts_sensor
from analytics_pipeline.automation.changed_days_sensor import changed_days_sensor
from analytics_pipeline.automation.dead_runs import dead_runs_sensor
from analytics_pipeline.automation.jobs import ACCOUNT_JOBS, SUMMARIES_JOB, SYNC_JOBS
from analytics_pipeline.automation.purge import PURGE_SCHEDULE, purge_job
from analytics_pipeline.automation.retry_sensor import retry_sensor
from analytics_pipeline.automation.schedules import SCHEDULES
from analytics_pipeline.automation.state_sensor import state_sensor
from analytics_pipeline.automation.summaries_sensor import summaries_sensor
from analytics_pipeline.automation.token_sensor import token_sensor
from analytics_pipeline.dbt_project import dbt_resource
from analytics_pipeline.executor import run_executor
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.resources import DatabaseResource, PlatformResource

FACTORIES = (published_posts_asset, post_analytics_asset, account_analytics_asset)

logs.configure()  # every process of Dagster that runs our code loads this module
run_logger.write_every_run()

raw_assets = [make(platform) for platform in FETCHERS for make in FACTORIES]
defs = dg.Definitions(
    assets=[*dg.with_source_code_references(raw_assets), summaries_assets()],
    asset_checks=[summaries_equal_raw, *all_state_checks()],
    jobs=[*SYNC_JOBS.values(), *ACCOUNT_JOBS.values(), SUMMARIES_JOB, purge_job],
    schedules=[*SCHEDULES, PURGE_SCHEDULE],
    sensors=[
        retry_sensor,
        summaries_sensor,
        changed_days_sensor,
        token_sensor,
        state_sensor,
        alerts_sensor,
        dead_runs_sensor,
    ],
    resources={
        "database": DatabaseResource(),
        "dbt": dbt_resource(),
        **{platform: PlatformResource(platform=platform) for platform in FETCHERS},
    },
    loggers={"console": run_logger.console},
    executor=run_executor(),
)

gc.freeze()
gc.enable()
