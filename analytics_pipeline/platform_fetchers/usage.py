"""What a fetcher has used of its platform: calls, posts, money.

Here: counting. Not here: how much may be used (quota.py), what a platform charges (twitter_billing.py).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Usage:
    """`calls` are HTTP requests sent, failed attempts included. `posts` are posts the platform returned.

    `cost_usd` is what the platform charges for them, None where it charges nothing. `unknown_errors` are replies that
    the platform's error table does not know.
    """

    calls: int = 0
    posts: int = 0
    cost_usd: Decimal | None = None
    unknown_errors: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.posts + other.posts,
            _plus(self.cost_usd, other.cost_usd),
            self.unknown_errors + other.unknown_errors,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls - other.calls,
            self.posts - other.posts,
            _plus(self.cost_usd, None if other.cost_usd is None else -other.cost_usd),
            self.unknown_errors - other.unknown_errors,
        )


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return one if other is None else other if one is None else one + other


NOTHING_USED: Final = Usage()
