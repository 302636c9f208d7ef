"""What the demo shows at its end: numbers per platform, one business's months, what could not be synced, and why."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import dagster as dg
from rich.console import Console
from sqlalchemy import text

from analytics_pipeline import runs
from analytics_pipeline.cli.console import table
from analytics_pipeline.database.engine import new_session
from analytics_pipeline.report.notation import NOT_OVER, is_over, starred
from analytics_pipeline.sandbox.server import SandboxServer

_PLATFORMS = text(
    """
    select p.platform,
        count(*) as posts,
        count(*) filter (where p.last_synced_at >= :began) as synced,
        count(*) filter (where p.last_synced_at is null and p.status = 'published') as failed
    from published_posts p group by p.platform order by p.platform
    """
)
_MONTHS = text(
    """
    select period_start, period_end, platform, total_posts as posts, total_engagements as engagements,
        total_impressions as impressions, avg_engagement_rate as "rate %",
        engagement_growth as "growth %"
    from analytics_summaries s
    where period_type = 'monthly' and business_id = (select min(id) from businesses)
    order by period_start, platform = 'all', platform
    """
)
_PROBLEMS = text(
    """
    select a.platform, coalesce(a.display_name, a.external_id) as account, x.what, x.why
    from (
        select social_account_id, count(*) || ' days: ' || replace(state, '_', ' ') as what, error_message as why
        from sync_units where state <> 'done' group by social_account_id, state, error_message
        union all
        select social_account_id, 'a post: ' || error_class, message from sync_errors
    ) x
    join social_accounts a on a.id = x.social_account_id
    union all
    select
        r.platform, coalesce(a.display_name, a.external_id, 'all'), 'a metric',
        metric || case scope when 'app' then ' is retired by the platform' else ' is not shown to this token' end
            || ': left out, its figure is NULL'
    from retired_metrics r
    left join social_accounts a on a.id::text = r.scope
    """
)


def show(
    console: Console,
    sandbox: SandboxServer,
    began: datetime,
    seconds: Mapping[str, float],
    dbt_seconds: float,
    number_of_runs: int,
    account_runs: Mapping[str, dg.ExecuteInProcessResult],
) -> None:
    """Prints the report. API calls and refusals are counted where they arrived: at the sandbox.

    `account_runs`: platform → the run that read the accounts' own figures.
    """
    calls = Counter(request.platform for request in sandbox.requests)
    refused = Counter(request.platform for request in sandbox.requests if request.status == 429)
    with new_session() as session:
        counts = {row.platform: row._asdict() for row in session.execute(_PLATFORMS, {"began": began})}
        summaries = [row._asdict() for row in session.execute(_MONTHS)]
        problems = [row._asdict() for row in session.execute(_PROBLEMS)] + unread_accounts(account_runs)
        business = session.scalar(text("select name from businesses order by id limit 1"))
    rows = [
        {
            "platform": platform,
            **{name: counts.get(platform, {}).get(name, 0) for name in ("posts", "synced", "failed")},
            "rate limited (calls)": refused[platform],
            "API calls": calls[platform],
            "seconds": spent,
        }
        for platform, spent in seconds.items()
    ]
    console.print(table("Synced", rows, empty=""))
    console.print(f"Summaries: {dbt_seconds:.1f} s in dbt. {number_of_runs} Dagster runs in all.\n")
    today = datetime.now(UTC).date()
    months = [
        {"month": starred(row, "monthly", today)} | {n: row[n] for n in row if not n.startswith("period_")}
        for row in summaries
    ]
    console.print(table(f"{business}, by month of publication", months, empty="There are no summaries."))
    if not all(is_over(row, today) for row in summaries):
        console.print(NOT_OVER)
    problems.sort(key=itemgetter("platform", "account", "what"))
    console.print(table("What could not be synced, and why", problems, empty="Everything was synced."))
    console.print(
        "\nOpen the Dagster UI on this data:  [bold]analytics-pipeline dev[/]\n"
        'Query it:                          [bold]psql "$(analytics-pipeline db url)"[/] while dev runs\n'
        "Remove it:                         [bold]analytics-pipeline demo --remove[/]"
    )


def unread_accounts(account_runs: Mapping[str, dg.ExecuteInProcessResult]) -> list[dict[str, Any]]:
    """Accounts whose own figures could not be read, or not all of them. Only the runs know why: no table keeps it."""
    found: list[tuple[str, str, str]] = []
    for platform, run in account_runs.items():
        for event in run.get_asset_materialization_events()[:1]:  # one a day, all with what the whole run tells
            accounts = event.materialization.metadata["accounts"]
            assert isinstance(accounts, dg.TableMetadataValue)
            rows = [record.data for record in accounts.records]
            found += [(platform, str(row["account"]), str(row["problem"])) for row in rows if row.get("problem")]
        found += [(platform, "all", problem) for problem in runs.problems([run])]
    return [
        {"platform": platform, "account": account, "what": "account figures", "why": why}
        for platform, account, why in found
    ]
