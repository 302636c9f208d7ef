"""Every setting of the pipeline, typed and documented, in one place.

Here: names, types, defaults and meanings of environment variables. Not here: what is done with them.
"""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parents[1]
"""The checkout that holds `pyproject.toml`, `dagster.yaml` and `dbt_summaries/`."""


class Rung(NamedTuple):
    """One rung of a refresh ladder: posts younger than `younger_than` are read again `every` so long."""

    younger_than: timedelta
    every: timedelta


_SPAN = r"([1-9][0-9]{0,3})([hd])"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
DEFAULT_LADDER = "24h:1h 7d:6h 30d:1d 90d:7d"

_MOST_DAYS = 36_500
"""A century; a span of thousands of years would lead to before the calendar."""


def parse_ladder(text: str) -> tuple[Rung, ...]:
    """The rungs of a ladder as the settings write it: `younger than:every …` in hours or days, or `off`.

    Raises ValueError for anything else, for ages that do not grow, and for less than an hour between two readings.
    """
    if text.strip() == "off":
        return ()
    rungs = []
    for word in text.split():
        match = re.fullmatch(f"{_SPAN}:{_SPAN}", word)
        if match is None:
            raise ValueError(f"{word!r} is no rung: write e.g. {DEFAULT_LADDER!r}, or 'off'")
        rungs.append(Rung(int(match[1]) * _UNITS[match[2]], int(match[3]) * _UNITS[match[4]]))
    if not rungs or any(a.younger_than >= b.younger_than for a, b in pairwise(rungs)):
        raise ValueError(f"the ages of a ladder have to grow, as in {DEFAULT_LADDER!r}")
    return tuple(rungs)


class TwitterPrices(BaseModel):
    """What X charges, in USD, for each thing it returns; the same thing twice in a UTC day is charged once."""

    model_config = ConfigDict(extra="forbid")

    post_read: Decimal = Field(Decimal("0.005"), ge=0)
    owned_read: Decimal = Field(Decimal("0.001"), ge=0)
    user_read: Decimal = Field(Decimal("0.010"), ge=0)


class Settings(BaseSettings):
    """The environment, read once. Field name in capitals = name of the environment variable."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    analytics_home: Path = Field(
        PROJECT_DIR / ".analytics",
        description="Folder for everything the pipeline keeps on disk: embedded server, Dagster home, keys, logs.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A real PostgreSQL, as `postgresql://user:password@host:port/name`. Unset: the embedded server.",
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        description="Where Dagster keeps its own storage. Unset: database `<name>_dagster` on the same server.",
    )
    analytics_encryption_key: SecretStr | None = Field(
        None,
        description="Fernet key that encrypts platform tokens at rest. Unset: made once, kept in ANALYTICS_HOME.",
    )
    analytics_start_date: date = Field(
        date(2025, 1, 1),
        description="First publish day (UTC) that has a partition. History before it cannot be backfilled.",
    )
    backfill_days_per_run: int = Field(
        61, ge=1, le=366, description="Publish days that one Dagster run of a backfill covers."
    )
    sync_threads: int = Field(4, ge=1, le=64, description="Calls of a platform under way at once within one run.")
    run_executor: Literal["in_process", "celery"] = Field(
        "in_process", description="Who carries out the steps of a run: its own process, or Celery workers."
    )
    celery_broker_url: SecretStr | None = Field(
        None,
        validate_default=True,
        description="Celery's broker, as `amqp://user:password@host:port//`; needed for RUN_EXECUTOR=celery.",
    )

    platform_fetch_timeout: float = Field(30, gt=0, description="Seconds one HTTP call may take in all.")
    platform_max_retries: int = Field(
        3, ge=1, le=10, description="Attempts at one call that fails for a passing reason."
    )
    platform_backoff_factor: float = Field(2.0, gt=0, description="Growth of the wait between attempts.")

    platform_wait_in_place: float = Field(
        60,
        ge=0,
        description="Longest wait (seconds) for a throttled platform within a run; longer ones go to the ledger.",
    )

    linkedin_base_url: str = Field("https://api.linkedin.com", description="Host of LinkedIn's API.")
    twitter_base_url: str = Field("https://api.x.com", description="Host of X's API.")
    facebook_base_url: str = Field("https://graph.facebook.com", description="Host of the Graph API for Pages.")
    instagram_base_url: str | None = Field(
        None,
        description="Host of the Instagram API for all accounts. Unset: by each account's token, FACEBOOK_BASE_URL for "
        "Facebook login (EAA…), graph.instagram.com for Instagram login (IGAA…).",
    )
    linkedin_oauth_url: str = Field("https://www.linkedin.com", description="Host of LinkedIn's token endpoint.")
    linkedin_client_id: str | None = Field(
        None, description="Id of your LinkedIn app: tokens are refreshed with it, where there are refresh tokens."
    )
    linkedin_client_secret: SecretStr | None = Field(None, description="Secret of your LinkedIn app.")
    twitter_client_id: str | None = Field(
        None, description="OAuth 2.0 client id of your X app: user tokens are refreshed with it."
    )
    twitter_client_secret: SecretStr | None = Field(
        None, description="Its client secret, for a confidential client; unset for a public one."
    )
    facebook_client_id: str | None = Field(
        None, description="Id of your Meta app: Page tokens are made anew with it, for Facebook and Instagram."
    )
    facebook_client_secret: SecretStr | None = Field(None, description="Secret of your Meta app.")
    linkedin_api_version: str = Field("202608", pattern=r"^[0-9]{6}$", description="LinkedIn-Version header, YYYYMM.")
    meta_api_version: str = Field(
        "v25.0", pattern=r"^v[0-9]+\.[0-9]+$", description="Version in the path of Graph calls."
    )

    linkedin_list_size: int = Field(50, ge=1, le=200, description="Posts that one call for LinkedIn statistics names.")
    linkedin_detail_days: int = Field(
        90,
        ge=0,
        le=_MOST_DAYS,
        description="LinkedIn posts up to this age (days) are asked for reactions and video figures.",
    )
    linkedin_detail_calls: int = Field(
        8, ge=0, description="Most calls for such details per page and run: they cost up to three per post."
    )
    linkedin_app_calls_per_day: int | None = Field(
        None, ge=1, description="LinkedIn's daily quota of the app per endpoint; development tier: 500."
    )
    linkedin_member_calls_per_day: int | None = Field(
        None, ge=1, description="LinkedIn's daily quota of one member's token per endpoint; development tier: 100."
    )
    instagram_detail_calls: int = Field(
        25,
        ge=0,
        description="Most calls for the watch time of reels per account and run with Instagram login, which has no batches.",
    )
    twitter_prices: Annotated[TwitterPrices, NoDecode] = Field(
        TwitterPrices(), description='X\'s prices in USD, as JSON: {"post_read": 0.005, "owned_read": 0.001, …}.'
    )
    twitter_app_owner_id: str | None = Field(
        None,
        pattern=r"^[0-9]{1,19}$",
        description="Id of the X account that owns the developer app: its own posts are cheaper to read.",
    )
    twitter_analytics_days: int = Field(
        0, ge=0, le=365, description="X posts up to this age (days) are asked for day series and watch time; 0: none."
    )

    history_days: int = Field(
        365,
        ge=0,
        le=_MOST_DAYS,
        description="Days of posts, and of an account's own figures, that are read by themselves once it is connected.",
    )
    linkedin_refresh: str = Field(
        DEFAULT_LADDER, description="How often LinkedIn posts are read again: `younger than:every …`, or `off`."
    )
    twitter_refresh: str = Field(DEFAULT_LADDER, description="The same for X.")
    facebook_refresh: str = Field(DEFAULT_LADDER, description="The same for Facebook.")
    instagram_refresh: str = Field(DEFAULT_LADDER, description="The same for Instagram.")

    log_format: Literal["text", "json"] = Field(
        "text", description="What stands on standard error: lines for people, or one JSON object per line."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "WARNING", description="The least important lines that are written; INFO: one line per sync unit."
    )
    alert_urls: SecretStr | None = Field(
        None, description="Where alerts go: Apprise URLs, with spaces or commas between them. Unset: to the log."
    )
    alert_stale_hours: int = Field(
        24,
        ge=1,
        le=24 * _MOST_DAYS,
        description="Hours without any successful call after which a platform is reported as stale.",
    )
    raw_retention_days: int = Field(
        90, ge=1, le=_MOST_DAYS, description="Days for which the platforms' replies are kept word for word."
    )
    run_retention_days: int = Field(
        90,
        ge=1,
        le=_MOST_DAYS,
        description="Days for which Dagster's runs, errors of finished units and solved alerts are kept.",
    )

    def refresh_ladder(self, platform: str) -> tuple[Rung, ...]:
        """The platform's refresh ladder; empty = switched off."""
        return parse_ladder(getattr(self, f"{platform}_refresh"))

    @field_validator("celery_broker_url")
    @classmethod
    def _celery_has_a_broker(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("run_executor") == "celery":
            raise ValueError("RUN_EXECUTOR=celery needs it")
        return value

    @field_validator("twitter_prices", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError:
            raise ValueError('write JSON, as {"post_read": "0.005"}') from None

    @field_validator("linkedin_refresh", "twitter_refresh", "facebook_refresh", "instagram_refresh")
    @classmethod
    def _is_a_ladder(cls, value: str) -> str:
        parse_ladder(value)
        return value

    @field_validator(
        "linkedin_base_url", "linkedin_oauth_url", "twitter_base_url", "facebook_base_url", "instagram_base_url"
    )
    @classmethod
    def _without_trailing_slash(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("analytics_home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process: the environment, then `sandbox.env` of ANALYTICS_HOME, which the demo writes.

    Whoever changes the environment calls `get_settings.cache_clear()`.
    """
    return Settings(_env_file=sandbox_env_file(Settings().analytics_home))


def sandbox_env_file(analytics_home: Path) -> Path:
    """Where the demo keeps the addresses of its sandbox: its accounts call no real platform, unless the environment names it."""
    return analytics_home / "sandbox.env"


def sandbox_hosts(analytics_home: Path) -> dict[str, str]:
    """The addresses in that file by variable; {} where there is no demo."""
    file = sandbox_env_file(analytics_home)
    return dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}
