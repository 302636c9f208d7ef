"""`date_preset` of the Graph API: the days that each of its words stands for (facebook.md section 2).

Not here: `since` and `until` (graph_insights.py).
"""

import re
from datetime import date, timedelta

from analytics_pipeline.sandbox.graph_errors import bad_parameter

_DAY = timedelta(days=1)
_KEPT = timedelta(days=730)
PRESETS = (
    "today", "yesterday", "this_month", "last_month", "this_quarter", "maximum", "data_maximum", "last_3d", "last_7d",
    "last_14d", "last_28d", "last_30d", "last_90d", "last_week_mon_sun", "last_week_sun_sat", "last_quarter",
    "last_year", "this_week_mon_today", "this_week_sun_today", "this_year",
)  # fmt: skip


def days_of(preset: str, today: date) -> tuple[date, date]:
    """The first day and the one behind the last. Raises GraphError #100 for a word that is none."""
    if preset not in PRESETS:
        raise bad_parameter(f"date_preset must be one of the following values: {', '.join(PRESETS)}")
    month = today.replace(day=1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    year = today.replace(month=1, day=1)
    monday = today - today.weekday() * _DAY
    sunday = today - (today.weekday() + 1) % 7 * _DAY
    if counted := re.fullmatch(r"last_(\d+)d", preset):
        return today - int(counted[1]) * _DAY, today
    return {
        "today": (today, today + _DAY),
        "yesterday": (today - _DAY, today),
        "this_month": (month, today + _DAY),
        "last_month": ((month - _DAY).replace(day=1), month),
        "this_quarter": (quarter, today + _DAY),
        "last_quarter": (_quarter_before(quarter), quarter),
        "this_year": (year, today + _DAY),
        "last_year": (year.replace(year=year.year - 1), year),
        "this_week_mon_today": (monday, today + _DAY),
        "this_week_sun_today": (sunday, today + _DAY),
        "last_week_mon_sun": (monday - 7 * _DAY, monday),
        "last_week_sun_sat": (sunday - 7 * _DAY, sunday),
    }.get(preset, (today - _KEPT, today + _DAY))


def _quarter_before(quarter: date) -> date:
    last_month = quarter - _DAY
    return last_month.replace(month=last_month.month - 2, day=1)
