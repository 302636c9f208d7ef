"""`status`: how far each account is, and what it waits for."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any

import typer

from analytics_pipeline.cli.console import Cell, console, point_out, table


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
    if not accounts:
        console.print("No account is connected: analytics-pipeline accounts add")
    for (number, name), of_business in groupby(accounts, key=itemgetter("business_id", "business")):
        title = f"{name} (business {number}), {now:%Y-%m-%d %H:%M} UTC"
        console.print(table(title, [_row(account, now) for account in of_business], empty=""))
    for account in accounts:
        if account["stale_reason"]:
            point_out(f"{account['platform']} {account['account']}: {account['stale_reason']}")


def _row(account: dict[str, Any], now: datetime) -> dict[str, Cell]:
    until = account["waiting_until"]
    waiting = f"{account['waiting']} until {_moment(until, now)}" if until else None
    return {
        "platform": account["platform"],
        "account": account["account"],
        "read": f"{account['synced']:,} of {account['posts']:,}",
        "last": _moment(account["last_sync"], now),
        "next": _moment(account["next_sync"], now),
        "due": account["due"],
        "waiting": waiting,
        "parked": account["parked"],
        "quota": account["calls_left_today"],
    }


def _moment(moment: datetime | None, now: datetime) -> str | None:
    """The time within a day of `now`, else the day."""
    if moment is None:
        return None
    return f"{moment:%H:%M}" if abs(moment - now) < timedelta(days=1) else f"{moment:%Y-%m-%d}"
