"""What sqlfluff, which renders the SQL without dbt, is told of dbt: vars, and the macros it cannot run.

A macro that returns something and calls another that does is beyond it. Their values here are as good as any.
"""

from pathlib import Path
from typing import Any

import yaml

_PROJECT = yaml.safe_load((Path(__file__).parents[1] / "dbt_project.yml").read_text())


def var(name: str, default: Any = None) -> Any:
    """The value in `dbt_project.yml`."""
    return _PROJECT["vars"].get(name, default)


def rebuilds_some_days() -> bool:
    """As the macro in `touched_days.sql`."""
    return True


def touched_days() -> str:
    """As the macro in `touched_days.sql`."""
    return "array(select touched_days.day from touched_days)"


def changed_range(unit: str = "day") -> tuple[str, str]:
    """As the macro in `changed_window.sql`."""
    return "date '2024-01-01'", "date '2024-02-01'"


def changed_months(days_after: int = 0) -> tuple[str, str]:
    """As the macro in `changed_window.sql`."""
    return changed_range("month")


def in_changed_days(column: str, around: int = 0) -> str:
    """As the macro in `changed_window.sql`."""
    return f"{column} is not null"


def in_changed_periods(period_type: str, period_start: str) -> str:
    """As the macro in `changed_window.sql`."""
    return f"{period_type} = 'daily' and {period_start} is not null"


def changed_periods() -> str:
    """As the macro in `changed_window.sql`."""
    first, following = changed_range()
    return f"values ('monthly', 'month', interval '1 month', {first}, {following})"
