"""Dagster resources: the database, and one per platform fetcher.

Here: configuration carried into runs. Not here: what is done with it; dbt (`dbt_project.py`). Nothing connects before
a run needs it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field, field_validator
from sqlalchemy.orm import Session

from analytics_pipeline.database import engine
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sync.plan import Account


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The pipeline's database: DATABASE_URL, or the embedded server, which is started when it is down."""

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A SQLAlchemy session on migrated tables."""
        current = engine.get_engine()
        if not engine.schema_is_current():
            engine.upgrade()
        with engine.new_session(current) as session:
            yield session


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One platform's fetcher. Hosts and versions left empty come from the settings (`LINKEDIN_BASE_URL` …)."""

    platform: str = Field(description="linkedin, twitter, facebook or instagram.")
    base_url: str | None = Field(default=None, description="Host of the API, in place of the setting.")
    timeout_seconds: float | None = Field(default=None, description="Seconds one HTTP call may take in all.")
    max_retries: int | None = Field(default=None, description="Attempts at one call that fails for a passing reason.")
    replay_at: str | None = Field(
        default=None,
        description="Moment (ISO 8601, UTC) that readings carry when past figures are replayed; empty: the present.",
    )

    @field_validator("replay_at")
    @classmethod
    def _is_a_moment(cls, value: str | None) -> str | None:
        if value is not None and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("replay_at needs a time zone, as in 2026-09-20T01:40:00Z")
        return value

    def fetcher(self, account: Account) -> BasePlatformFetcher:
        """The fetcher for one account of the platform."""
        given = {"base_url": self.base_url, "timeout": self.timeout_seconds, "max_retries": self.max_retries}
        return FETCHERS[account.platform].for_account(
            account.access_token,
            account.external_id,
            clock=self.now,
            **{name: value for name, value in given.items() if value is not None},
        )

    def now(self) -> datetime:
        """The moment that readings carry, UTC."""
        return datetime.fromisoformat(self.replay_at).astimezone(UTC) if self.replay_at else datetime.now(UTC)
