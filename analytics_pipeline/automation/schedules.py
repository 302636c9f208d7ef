"""The schedules: every hour the refresh ladder of each platform, every day the accounts' own figures.

A tick asks for one run per platform, and for one more for the own figures of new accounts. Ticks that were missed while
nothing ran are not repeated one by one: the ledger knows what is due, and the newest tick asks for all of it.

A day's number of followers cannot be read later on some platforms: where nothing could be read, it is tried again on the
same day.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.automation.jobs import ACCOUNT_JOBS, SYNC_JOBS, accounts_config, by_ladder_config
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import ladder, plan
from analytics_pipeline.sync.service import DISCOVERED

TICK = timedelta(hours=1)
ASKED_AGAIN = timedelta(hours=4)
"""After so long, accounts of which nothing could be read are asked for again; those connected since, for the first time."""
HISTORY_PATIENCE = timedelta(days=3)
"""So long the history of an account is asked for, if none of it comes."""
RESTATED_DAYS = 8
"""Days, today included, of which the accounts' own figures are read every day: platforms correct the last week."""

GOING_ON = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
"""Not NOT_STARTED: a daemon that dies, or fails, while it submits a run may leave it so for ever."""
REFRESH_TAG = {"refresh": "true"}
FIRST_IN_QUEUE = {"dagster/priority": "10"}
"""The refresh of young posts never waits behind the queued runs of a backfill."""


MINUTES = {platform: 7 * n for n, platform in enumerate(SYNC_JOBS)}
"""The minute of the hour at which each platform's refresh begins: some minutes apart."""


def next_refresh(platform: str, now: datetime) -> datetime | None:
    """When the platform is refreshed next, by its schedule; None where it is switched off."""
    if not get_settings().refresh_ladder(platform):
        return None
    tick = now.astimezone(UTC).replace(minute=MINUTES[platform], second=0, microsecond=0)
    return tick if tick > now else tick + TICK


def refresh_schedule(platform: str) -> dg.ScheduleDefinition:
    """Every hour, at the platform's minute."""

    @dg.schedule(
        job=SYNC_JOBS[platform],
        name=f"{platform}_refresh",
        cron_schedule=f"{MINUTES[platform]} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Finds new posts, and reads again what {platform.upper()}_REFRESH says is due at its age.",
    )
    def schedule(context: dg.ScheduleEvaluationContext, database: DatabaseResource) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(UTC)
        if tick <= datetime.now(UTC) - TICK:
            return dg.SkipReason(
                f"the tick of {tick:%Y-%m-%d %H:%M} UTC was missed; the newest one asks for all that is due"
            )
        still = dg.RunsFilter(job_name=SYNC_JOBS[platform].name, statuses=list(GOING_ON), tags=REFRESH_TAG)
        if context.instance.get_runs_count(still):
            return dg.SkipReason("the refresh of an earlier tick still goes on")
        rungs = get_settings().refresh_ladder(platform)
        if not rungs:
            return dg.SkipReason(f"{platform.upper()}_REFRESH is off")
        with database.session() as session:
            if not any(account.status == "connected" for account in plan.accounts(session, [platform])):
                return dg.SkipReason(f"no {platform} account is connected")
            due = ladder.due_since(session, platform, rungs, tick)
            known = min(plan.listed_until(session, platform).values(), default=tick.date())
        first = max(min(due or tick.date(), tick.date() - DISCOVERED, known - DISCOVERED), PUBLISH_DAYS.start.date())
        return dg.RunRequest(
            run_key=f"{platform}:{tick:%Y-%m-%dT%H}",
            run_config=by_ladder_config(platform),
            tags={**range_tags(first, tick.date()), **REFRESH_TAG, **FIRST_IN_QUEUE},
        )

    return schedule


def account_schedule(platform: str) -> dg.ScheduleDefinition:
    """Every day after 05:00 UTC, some minutes after the platform's refresh; and later, what that has not read."""

    @dg.schedule(
        job=ACCOUNT_JOBS[platform],
        name=f"{platform}_account_analytics_daily",
        cron_schedule=f"{MINUTES[platform] + 3} 5-21/{ASKED_AGAIN // TICK} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            f"Reads the own figures of {platform} accounts for the last {RESTATED_DAYS} days, today included: later on "
            "only of those of which nothing could be read before. Of accounts without a history, for HISTORY_DAYS."
        ),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, database: DatabaseResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(UTC)
        today = tick.date()
        if tick <= datetime.now(UTC) - ASKED_AGAIN:
            return dg.SkipReason(f"the tick of {tick:%Y-%m-%d %H:%M} UTC was missed; the newest one asks for the week")
        with database.session() as session:
            accounts = [account for account in plan.accounts(session, [platform]) if account.status == "connected"]
            known = plan.own_figures(session, platform, accounts)
        read_today = {account for account, own in known.items() if own.read_at.date() >= today}
        # What does not come for days is withheld: it is not asked for again and again.
        since = today - HISTORY_PATIENCE
        with_history = {account for account, own in known.items() if own.history or own.first_read_at.date() < since}
        owed = [account.id for account in accounts if account.id not in read_today]
        new = [account for account in owed if account not in with_history]
        unread = [account for account in owed if account in with_history]

        def run(ids: list[int], days: int, key: str) -> dg.RunRequest:
            first = max(today - timedelta(days=days), PUBLISH_DAYS.start.date())
            return dg.RunRequest(
                run_key=f"{platform}:{key}:{tick:%Y-%m-%dT%H}",
                run_config=accounts_config(platform, ids if len(ids) < len(accounts) else ()),
                tags=range_tags(first, today),
            )

        requests = [run(new, get_settings().history_days, "new")] if new else []
        requests += [run(unread, RESTATED_DAYS - 1, "week")] if unread else []
        if requests:
            return requests
        return dg.SkipReason(
            f"every {platform} account has been read today" if accounts else f"no {platform} account is connected"
        )

    return schedule


SCHEDULES = [make(platform) for platform in SYNC_JOBS for make in (refresh_schedule, account_schedule)]
