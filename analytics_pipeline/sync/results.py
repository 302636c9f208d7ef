"""What a sync tells its caller: results of units, of days, and totals.

Here: plain data and sums of it. Not here: how a result comes about.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from analytics_pipeline.platform_fetchers.usage import NOTHING_USED, Usage

EXPLAINED = frozenset({"gone", "absent"})
"""Error classes that explain why a post has no new figures; such a post does not make its day partial."""
_NAMED_POSTS = 3


@dataclass(frozen=True, slots=True)
class PostFailure:
    """A post that has no new reading, and why. `message` is for people and free of secrets."""

    post_id: int | None
    platform_post_id: str
    error_class: str
    message: str
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class UnitResult:
    """How one sync unit (account × publish day) ended. `state` is the ledger's.

    `posts_expected` is None where the listing failed and nobody knows. `next_attempt_at` (UTC) is set when waiting.
    `usage` is what its reading took. `touched` is False for a unit that this run left alone: its figures are those of
    an earlier run.
    """

    platform: str
    social_account_id: int
    account: str
    publish_day: date
    state: str
    posts_expected: int | None
    posts_synced: int
    usage: Usage = NOTHING_USED
    failures: tuple[PostFailure, ...] = ()
    error_class: str | None = None
    error_message: str | None = None
    next_attempt_at: datetime | None = None
    touched: bool = True

    @property
    def complete(self) -> bool:
        """Every expected post is stored or explained."""
        if self.state != "done" or self.posts_expected is None:
            return False
        return self.posts_synced + sum(f.error_class in EXPLAINED for f in self.failures) >= self.posts_expected

    @property
    def reason(self) -> str:
        """Why the unit is not complete, and what happens next; empty when it is."""
        if self.complete:
            return ""
        unexplained = [f for f in self.failures if f.error_class not in EXPLAINED]
        named = [f"post {f.platform_post_id}: {f.message.rstrip('.')}" for f in unexplained[:_NAMED_POSTS]]
        if len(unexplained) > _NAMED_POSTS:
            named.append(f"and {len(unexplained) - _NAMED_POSTS} posts more")
        what = (self.error_message or "; ".join(named) or self.state).rstrip(".")
        after = next_step(self.platform, self.publish_day, self.state, self.next_attempt_at)
        return f"{self.account}, {self.publish_day}: {what}. {after}."


def next_step(platform: str, day: date, state: str, next_attempt_at: datetime | None) -> str:
    """What happens next to a unit that is not complete, or what a person has to do: a sentence without its end."""
    match state:
        case "waiting" if next_attempt_at:
            return f"Tried again after {next_attempt_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case "needs_reauth":
            return "Left alone until the account has a new token (analytics-pipeline accounts add)"
        case "parked":
            return (
                f"Given up. Mend that, then: analytics-pipeline backfill --platform {platform} "
                f"--from {day} --to {day} --failed-only"
            )
        case "done":
            return "Read again when the refresh ladder reaches the day"
    return "The retry sensor takes it up by itself"


def used(usage: Usage) -> dict[str, int | float | None]:
    """Usage as reports and run metadata show it; `cost_usd` is None for a platform that charges nothing."""
    cost = None if usage.cost_usd is None else float(usage.cost_usd)
    return {
        "api_calls": usage.calls,
        "posts_read": usage.posts,
        "cost_usd": cost,
        "unknown_errors": usage.unknown_errors,
    }


@dataclass(slots=True)
class SyncTotals:
    """Sums over units. `failed` counts posts without a new reading that nothing explains."""

    posts: int = 0
    synced: int = 0
    failed: int = 0
    rate_limited: int = 0
    usage: Usage = field(default_factory=Usage)
    units: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, unit: UnitResult) -> None:
        """Counts one more unit in."""
        expected = unit.posts_expected or 0
        explained = sum(f.error_class in EXPLAINED for f in unit.failures)
        missing = max(0, expected - unit.posts_synced - explained)
        throttled = unit.error_class == "throttled"
        self.posts += expected
        self.synced += unit.posts_synced if unit.touched else 0
        self.rate_limited += missing if throttled else 0
        self.failed += 0 if throttled else missing
        self.usage += unit.usage
        self.units[unit.state] += 1
        if unit.error_message:
            self.errors.append(
                {
                    "platform": unit.platform,
                    "account": unit.account,
                    "publish_day": unit.publish_day.isoformat(),
                    "error_class": unit.error_class,
                    "message": unit.error_message,
                    "next_attempt_at": unit.next_attempt_at.isoformat() if unit.next_attempt_at else None,
                }
            )
        self.errors += [
            {
                "platform": unit.platform,
                "account": unit.account,
                "publish_day": unit.publish_day.isoformat(),
                "platform_post_id": f.platform_post_id,
                "error_class": f.error_class,
                "message": f.message,
            }
            for f in unit.failures
        ]

    def __add__(self, other: "SyncTotals") -> "SyncTotals":
        return SyncTotals(
            posts=self.posts + other.posts,
            synced=self.synced + other.synced,
            failed=self.failed + other.failed,
            rate_limited=self.rate_limited + other.rate_limited,
            usage=self.usage + other.usage,
            units=self.units + other.units,
            errors=self.errors + other.errors,
        )

    def counts(self) -> dict[str, int | float | None]:
        """The sums as a report shows them."""
        return {
            "total_posts": self.posts,
            "synced": self.synced,
            "failed": self.failed,
            "rate_limited": self.rate_limited,
            **used(self.usage),
        }

    @classmethod
    def of(cls, units: Iterable[UnitResult]) -> "SyncTotals":
        """The totals of `units`."""
        totals = cls()
        for unit in units:
            totals.add(unit)
        return totals


@dataclass(frozen=True, slots=True)
class DayResult:
    """All units of one platform and publish day, once the last of them has ended.

    `quiet_accounts` are connected accounts without a post that day: for them, too, the day is known.
    """

    platform: str
    publish_day: date
    units: tuple[UnitResult, ...]
    quiet_accounts: int = 0

    @property
    def complete(self) -> bool:
        """Every unit is complete; a day without posts is."""
        return all(unit.complete for unit in self.units)

    @property
    def stored_anything(self) -> bool:
        """False when there was work and none of it succeeded."""
        known = not self.units or self.quiet_accounts > 0
        return known or any(unit.state == "done" or unit.posts_synced for unit in self.units)
