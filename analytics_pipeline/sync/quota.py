"""The quota of calls that all processes share: counted and held in the database, so that it survives a restart.

Here: `api_quotas`. Not here: what a platform says of its quota (platform_fetchers), what an account's wait means for
its units (`ledger.py`). The buckets of the known libraries fill up again by the second; these end at 00:00 UTC, or when
the platform says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from analytics_pipeline.platform_fetchers.quota import (
    ALL_ENDPOINTS,
    DailyLimits,
    Scope,
    next_utc_day,
    used_up,
)

_HELD = text("""
SELECT held_until, held_because FROM api_quotas
WHERE (platform, scope) IN ((:app, 'app'), (:platform, :account)) AND endpoint = ANY(:endpoints) AND held_until > :now
ORDER BY held_until DESC LIMIT 1
""")
# In the order of the key: two processes lock the same rows in the same order. One statement, since it comes before every
# call; and a count lost in a crash of the server costs nothing, where waiting for the disk before every call would.
_COUNT = text("""
WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO api_quotas AS q (platform, scope, endpoint, day, calls)
SELECT whose.platform, scope, endpoint, :today, (endpoint = :endpoint)::int
FROM relaxed,
    (VALUES (CAST(:app AS text), 'app'), (CAST(:platform AS text), CAST(:account AS text))) AS whose (platform, scope),
    unnest(CAST(:endpoints AS text[])) AS endpoint
ORDER BY whose.platform, scope, endpoint
ON CONFLICT (platform, scope, endpoint) DO UPDATE SET
    calls = CASE WHEN q.day < excluded.day THEN 0 ELSE q.calls END + excluded.calls,
    day = greatest(q.day, excluded.day)
RETURNING scope, endpoint, calls, held_until
""")
_HOLD = text("""
WITH before AS (
    SELECT held_until FROM api_quotas WHERE platform = :platform AND scope = :scope AND endpoint = :endpoint
)
INSERT INTO api_quotas AS q (platform, scope, endpoint, day, calls, held_until, held_because)
VALUES (:platform, :scope, :endpoint, DATE '1970-01-01', 0, :until, :because)
ON CONFLICT (platform, scope, endpoint) DO UPDATE SET
    held_until = greatest(q.held_until, excluded.held_until),
    held_because = CASE WHEN q.held_until > excluded.held_until THEN q.held_because ELSE excluded.held_because END
RETURNING (SELECT held_until FROM before)
""")


@dataclass(frozen=True, slots=True)
class SharedQuota:
    """The quota of one account and of its app, as every process on this database sees it.

    `app` is the name that a fetcher gives it (`BasePlatformFetcher.app`), "" = the platform's.
    """

    engine: Engine
    platform: str
    account_id: int
    app: str = ""

    def take(self, endpoint: str, limits: DailyLimits, now: datetime) -> datetime | None:
        """As CallQuota. Two processes never take the last call both."""
        account, quotas = str(self.account_id), self._quotas(endpoint)
        with self.engine.connect() as connection:
            if limits == DailyLimits():  # nothing to count: no account waits for another's count either
                until: datetime | None = connection.scalar(_HELD, {**quotas, "now": now})
                return None if until is None else until.astimezone(UTC)
            rows = connection.execute(
                _COUNT, {**quotas, "today": now.astimezone(UTC).date(), "endpoint": endpoint}
            ).all()
            held: list[datetime] = [row.held_until for row in rows if row.held_until and row.held_until > now]
            before: dict[str, int] = {row.scope: row.calls - 1 for row in rows if row.endpoint == endpoint}
            if used_up(limits.app, before["app"]) or used_up(limits.account, before[account]):
                held.append(next_utc_day(now))
            if held:
                connection.rollback()
                return max(held).astimezone(UTC)
            connection.commit()
        return None

    def hold(self, scope: Scope, endpoint: str, until: datetime, because: str | None = None) -> datetime | None:
        """As CallQuota."""
        with self.engine.begin() as connection:
            before: datetime | None = connection.scalar(
                _HOLD,
                {
                    "platform": (self.app or self.platform) if scope == "app" else self.platform,
                    "scope": "app" if scope == "app" else str(self.account_id),
                    "endpoint": endpoint,
                    "until": until,
                    "because": because,
                },
            )
        return None if before is None else before.astimezone(UTC)

    def reason(self, endpoint: str, now: datetime) -> str | None:
        """As CallQuota."""
        with self.engine.connect() as connection:
            held = connection.execute(_HELD, {**self._quotas(endpoint), "now": now}).one_or_none()
        return None if held is None else held.held_because

    def _quotas(self, endpoint: str) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "account": str(self.account_id),
            "app": self.app or self.platform,
            "endpoints": sorted({ALL_ENDPOINTS, endpoint}),
        }
