"""`analytics-pipeline accounts`: connect, list and remove a business's accounts."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from analytics_pipeline.cli.console import Cell, console, point_out, say, table

app = typer.Typer(help="The accounts that are read.", no_args_is_help=True)


@app.command("list")
def list_accounts() -> None:
    """Show every account, its state and what it needs."""
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync.accounts import overview

    engine.upgrade()
    with engine.new_session() as session:
        lines = overview(session)
        rows: list[dict[str, Cell]] = [
            {
                "id": line.account.id,
                "business (id)": f"{line.business} ({line.account.business_id})",
                "platform": line.account.platform,
                "account": line.account.display_name or line.account.external_id,
                "posts": line.posts,
                "state": line.account.status,
            }
            for line in lines
        ]
        reasons = {line.account.id: line.account.status_reason for line in lines if line.account.status_reason}
    console.print(table("Accounts", rows, empty="No account is connected yet: analytics-pipeline accounts add --help"))
    for account, reason in reasons.items():
        point_out(f"account {account}: {reason}")


@app.command()
def add(
    business: Annotated[str, typer.Option(help="Id or name of the business; a new name makes a new business.")],
    platform: Annotated[str, typer.Option(help="linkedin, twitter, facebook or instagram.")],
    external_id: Annotated[
        str,
        typer.Option("--id", help="The platform's number of the account: organization, user, page, Instagram user."),
    ],
    name: Annotated[str | None, typer.Option(help="How the account is called in tables.")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File that holds the access token, or the JSON that the platform's token endpoint answered: with the "
            "refresh token and the time of expiry in it, the token is refreshed.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    token_env: Annotated[str | None, typer.Option(help="Environment variable that holds the same.")] = None,
) -> None:
    """Connect an account, or give one a new token. The token is asked for, or read from a file or a variable."""
    from analytics_pipeline.database import engine
    from analytics_pipeline.platform_fetchers.exceptions import BadDataError
    from analytics_pipeline.platform_fetchers.oauth import read_given
    from analytics_pipeline.settings import get_settings
    from analytics_pipeline.sync.accounts import business_named, check_identity, connect
    from analytics_pipeline.sync.errors import InvalidRequestError

    if token_file is not None and token_env is not None:
        raise InvalidRequestError("give --token-file or --token-env, not both")
    check_identity(platform, external_id)
    got_at = datetime.now(UTC)
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{token_file} holds no text, so no token") from None
        got_at = min(got_at, datetime.fromtimestamp(token_file.stat().st_mtime, UTC))
    elif token_env is not None:
        if token_env not in os.environ:
            raise InvalidRequestError(f"the environment variable {token_env} is not set")
        token = os.environ[token_env]
    else:
        token = typer.prompt("Access token", hide_input=True)
    try:
        given = read_given(token, got_at, platform)
    except BadDataError:
        raise InvalidRequestError("the JSON given as token holds no usable access_token") from None
    engine.upgrade()
    with engine.new_session() as session, session.begin():
        owner = business_named(session, business, create=True)
        today = datetime.now(UTC).date()
        history = max(today - timedelta(days=get_settings().history_days), get_settings().analytics_start_date)
        account = connect(
            session,
            owner,
            platform,
            external_id,
            given.access_token,
            display_name=name,
            refresh_token=given.refresh_token,
            token_expires_at=given.expires_at,
            scopes=given.scopes,
            history_from=history,
        )
        connected = (
            f"{platform} account {external_id} is connected to {owner.name} (business {owner.id}) as {account.id}."
        )
        next_step = (
            f"While analytics-pipeline dev runs, its posts since {history} are found and read by themselves. "
            f"At once: analytics-pipeline sync --business {owner.id}"
        )
    say(connected)
    say(next_step)


@app.command("time-zone")
def time_zone(
    business: Annotated[str, typer.Argument(help="Id or name of the business.")],
    zone: Annotated[str, typer.Argument(help="An IANA name, such as Europe/Berlin; a new business has UTC.")],
) -> None:
    """Say in which time zone a business lives: weekdays and hours of its posting times are of that zone."""
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync.accounts import business_named, set_time_zone

    engine.upgrade()
    with engine.new_session() as session, session.begin():
        owner = business_named(session, business)
        set_time_zone(session, owner, zone)
        changed = f"{owner.name} (business {owner.id}) lives in {zone}; its posting times follow with the next dbt run."
    say(changed)


@app.command()
def remove(account_id: Annotated[int, typer.Argument(help="Id from `accounts list`.")]) -> None:
    """Forget an account's tokens and leave it alone from now on. Its history stays."""
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync.accounts import disconnect

    engine.upgrade()
    with engine.new_session() as session, session.begin():
        account = disconnect(session, account_id)
        removed = f"{account.platform} account {account.external_id} is removed; its history stays."
    say(removed)
