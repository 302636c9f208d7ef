"""How figures and periods are written for people, in the terminal and on pages."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

NOT_OVER: Final = "*: not over yet."
"""What the star of `starred` means."""


def number(value: float) -> str:
    """Thousands separated; a rate with two decimals, where one that is not 0 never looks like it."""
    if not isinstance(value, float):
        return f"{value:,}"
    if value and abs(value) < 0.005:
        return "<0.01" if value > 0 else ">-0.01"
    return f"{value:,.2f}"


def is_over(row: Mapping[Any, Any], today: date) -> bool:
    """Whether the period of a summary has ended on that day (UTC)."""
    return bool(row["period_end"] < today)


def period_name(start: Any, period: str) -> str:
    """2026-09, 2026-W39 or 2026-09-21."""
    return f"{start:{({'monthly': '%Y-%m', 'weekly': '%G-W%V', 'daily': '%Y-%m-%d'})[period]}}"


def starred(row: Mapping[Any, Any], period: str, today: date) -> str:
    """The name of a summary's period, with a star while it is not over."""
    return period_name(row["period_start"], period) + ("" if is_over(row, today) else "*")


def counted(number: int, thing: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
