"""Is the installation in order? One function per check, and all of them in the order in which a person would look.

Not here: how findings are shown (`cli/doctor.py`), what goes wrong with accounts and days (`alerts`).
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from analytics_pipeline import logs
from analytics_pipeline.health import orchestration, own, platforms, workers
from analytics_pipeline.health.finding import Finding
from analytics_pipeline.settings import get_settings

__all__ = ["Finding", "diagnose"]

Check = Callable[[], Iterator[Finding]]


def diagnose() -> Iterator[Finding]:
    """Every finding, as it is found. What cannot be looked at, since what it stands on failed, is left out."""
    if (yield from _of("settings", own.settings)):
        return
    no_database = yield from _of("database", own.database)
    if not no_database and not (yield from _of("tables", own.migrations)):
        yield from _of("encryption key", own.encryption_key)
    yield from _of("dagster.yaml", orchestration.dagster_yaml)
    if not no_database or get_settings().dagster_database_url:
        yield from _of("Dagster storage", orchestration.storage_and_daemon)
    yield from _of("Celery", workers.celery)
    yield from _of("dbt", own.dbt)
    yield from _of("alerts", own.alert_channels)
    yield from _of("platforms", platforms.hosts)
    yield from _of("API versions", platforms.api_versions)


def _of(name: str, check: Check) -> Generator[Finding, None, bool]:
    """The findings of one check, without secrets, its own breakdown among them; returns whether one failed."""
    failed = False
    try:
        for finding in check():
            failed |= finding.state == "failed"
            yield replace(finding, found=logs.redacted(finding.found))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what was found
        failed = True
        yield Finding(name, "failed", logs.redacted(f"{type(error).__name__}: {error}"))
    return failed
