"""Checks of what is the pipeline's own: settings, database, tables, encryption key, dbt project, channels of alerts."""

import difflib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.alerts import channels
from analytics_pipeline.database import engine
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.health.finding import Finding
from analytics_pipeline.settings import Settings, get_settings, sandbox_hosts
from analytics_pipeline.sync.stored_tokens import stored_tokens

CLOCK_TOLERANCE_SECONDS = 30
"""A clock that is off by more puts readings near midnight on the wrong day, and makes platforms refuse calls."""

_MISSPELT = 0.84
"""Likeness (difflib) from which on a variable is taken for a misspelt setting: one or two letters in ten."""
_NAMED_ACCOUNTS = 5


def settings() -> Iterator[Finding]:
    """Whether the settings can be read, and whether a variable looks like a misspelt one."""
    try:
        current = get_settings()
    except ValidationError as error:
        for fault in error.errors():  # its value may be secret, so only its name and fault are shown
            name = ".".join(map(str, fault["loc"])).upper()
            variable = name.partition(".")[0]
            yield Finding("settings", "failed", f"{name}: {fault['msg']}", f"mend or unset {variable}")
        return
    known = [name.upper() for name in Settings.model_fields]
    misspelt = False
    for name in sorted({name.upper() for name in os.environ} - set(known)):
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=_MISSPELT):
            misspelt = True
            yield Finding("settings", "warning", f"{name} is set, but no setting", f"set {meant} if that was meant")
    of_demo = sandbox_hosts(current.analytics_home)
    if overruled := [name for name, host in of_demo.items() if os.environ.get(name) not in (None, "", host)]:
        found = f"the demo's accounts call the host of {', '.join(overruled)} in the environment, not its sandbox"
        yield Finding("settings", "warning", found, "unset it, or: analytics-pipeline demo --remove")
    elif not misspelt:
        given = len(current.model_fields_set)
        found = f"readable, {given} of {len(known)} given; ANALYTICS_HOME is {current.analytics_home}"
        yield Finding("settings", "ok", found + ("; hosts are those of the demo's sandbox" if of_demo else ""))


def database() -> Iterator[Finding]:
    """Whether the database answers, which version it is, and whether its clock agrees with ours."""
    try:
        with engine.get_engine().connect() as connection:
            version = connection.scalar(text("SELECT current_setting('server_version')"))
            before = datetime.now(UTC)
            theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    except engine.DatabaseMissingError as error:
        yield Finding("database", "failed", str(error), "analytics-pipeline db upgrade")
        return
    except engine.DatabaseUnavailableError as error:
        yield Finding("database", "failed", str(error), "mend DATABASE_URL, or start the server")
        return
    where = "the embedded server" if get_settings().database_url is None else engine.database_url().host or "a socket"
    yield Finding("database", "ok", f"PostgreSQL {version} on {where}")
    yield clock("the database", (theirs - before).total_seconds())


def clock(whose: str, ahead: float) -> Finding:
    """Whether a clock that is `ahead` of ours by so many seconds is close enough."""
    state = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's clock"
    if abs(ahead) <= CLOCK_TOLERANCE_SECONDS:
        return Finding("clock", "ok", f"{whose}: {state}")
    return Finding("clock", "warning", f"{whose}: {state}", "set this machine's clock by NTP (timedatectl status)")


def migrations() -> Iterator[Finding]:
    """Whether the tables are those of this version of the code."""
    if engine.schema_is_current():
        yield Finding("tables", "ok", "up to date")
    else:
        yield Finding("tables", "failed", "not those of this version", "analytics-pipeline db upgrade")


def encryption_key() -> Iterator[Finding]:
    """Whether there is a key, and whether it opens the stored tokens."""
    with_tokens = (
        select(
            SocialAccount.id,
            SocialAccount.platform,
            func.coalesce(SocialAccount.display_name, SocialAccount.external_id),
        )
        .where(func.num_nonnulls(SocialAccount.access_token, SocialAccount.refresh_token) > 0)
        .order_by(SocialAccount.id)
    )
    with Session(engine.get_engine()) as session:
        accounts = session.execute(with_tokens).all()
    configured = get_settings().analytics_encryption_key
    file = get_settings().analytics_home / "token.key"
    place = "ANALYTICS_ENCRYPTION_KEY" if configured else str(file)
    restore = f"restore the key in {place}, or connect the accounts anew: analytics-pipeline accounts add"
    if configured is None and not file.exists():
        if accounts:
            yield Finding("encryption key", "failed", f"there is none for {len(accounts)} accounts", restore)
        else:
            yield Finding("encryption key", "ok", f"made with the first account, in {file}")
        return
    with Session(engine.get_engine()) as session:
        tokens = stored_tokens(session, [account for account, _, _ in accounts])
    shut = [f"{platform} {name}" for account, platform, name in accounts if tokens[account].shut]
    if shut:
        named = ", ".join(shut[:_NAMED_ACCOUNTS]) + (" …" if len(shut) > _NAMED_ACCOUNTS else "")
        found = f"does not open the tokens of {len(shut)} of {len(accounts)} accounts: {named}"
        yield Finding("encryption key", "failed", found, restore)
    else:
        yield Finding("encryption key", "ok", f"{place} opens the tokens of {len(accounts)} accounts")


def dbt() -> Iterator[Finding]:
    """Whether dbt is installed and its project parses; parsed anew only where a file has changed."""
    from analytics_pipeline.assets.analytics_summaries import manifest_path  # seconds of imports
    from analytics_pipeline.dbt_project import dbt_executable

    if not Path(dbt_executable()).exists():
        yield Finding("dbt", "failed", f"{dbt_executable()} is missing", "install the pipeline again: pip install -e .")
        return
    try:
        yield Finding("dbt", "ok", f"the project is parsed in {manifest_path()}")
    except RuntimeError as error:
        yield Finding("dbt", "failed", str(error), "mend the model that dbt names")


def alert_channels() -> Iterator[Finding]:
    """Whether Apprise understands every URL of ALERT_URLS. Nothing is sent."""
    urls = channels.urls(get_settings())
    wrong = [n for n, url in enumerate(urls, 1) if not channels.understood(url)]
    if wrong:
        found = f"URL {', '.join(map(str, wrong))} of the {len(urls)} in ALERT_URLS is none that Apprise knows"
        yield Finding("alerts", "failed", found, "mend ALERT_URLS; `apprise --details` lists the forms")
    else:
        yield Finding("alerts", "ok", f"go to {len(urls)} channels" if urls else "go to the log: ALERT_URLS is unset")
