"""`status`: how far each account is, and what it waits for."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from analytics_pipeline.cli.console import Cell, console, table


def status(
    business: Annotated[int | None, typer.Option(help="Only this business (id), with its totals.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show when each account was read and is read next, what waits, what was given up, and the quota left today."""
    from analytics_pipeline.automation.schedules import next_refresh
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync import AnalyticsSyncService
    from analytics_pipeline.sync.status import account_statuses

    engine.upgrade()
    now = datetime.now(UTC)
    with engine.new_session() as session:
        totals = AnalyticsSyncService(session).get_sync_status(business) if business is not None else {}
        accounts = [asdict(account) for account in account_statuses(session, now, business)]
    for account in accounts:
        tick = next_refresh(account["platform"], now) if account["status"] == "connected" else None
        account["next_sync"] = tick and max(tick, account["held_until"] or tick)
    if as_json:
        typer.echo(json.dumps({**totals, "accounts": accounts}, default=lambda moment: moment.isoformat()))
        return
    if totals:
        share = "" if totals["sync_percentage"] is None else f" ({totals['sync_percentage']} %)"
        console.print(f"{totals['synced_posts']} of {totals['total_posts']} posts have figures{share}.")
    empty = "No account is connected: analytics-pipeline accounts add"
    console.print(table(f"Accounts at {now:%Y-%m-%d %H:%M} UTC", map(_row, accounts), empty=empty))
    for account in accounts:
        if account["stale_reason"]:
            name = f"{account['platform']} {account['account']}"
            console.print(f"[yellow]•[/] {name}: {account['stale_reason']}", highlight=False)


def _row(account: dict[str, Any]) -> dict[str, Cell]:
    return {
        "business": account["business"],
        "platform": account["platform"],
        "account": account["account"],
        "status": account["status"],
        "synced": f"{account['synced']:,} of {account['posts']:,}",
        "last sync": account["last_sync"],
        "next sync": account["next_sync"],
        "due days": account["due"],
        "waiting": account["waiting"],
        "waiting until": account["waiting_until"],
        "parked": account["parked"],
        "calls left": account["calls_left_today"],
    }
