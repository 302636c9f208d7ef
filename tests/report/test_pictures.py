"""The pictures of a report: gaps where nothing is known, and axes that can be read."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import pandas as pd
import pytest

from analytics_pipeline.report import pictures


@pytest.mark.parametrize("without", ["unknown", "no row"])
def test_a_period_without_the_figure_is_a_gap(without: str) -> None:
    days = [date(2026, 9, n) for n in (1, 2, 3)]
    known = pd.DataFrame({"period_start": days, "platform": "twitter", "figure": [5.0, None, 7.0]})
    if without == "no row":
        known = known.dropna()
    line = re.search(
        r'<g id="line2d_\d+">\s*<path d="([^"]*)" clip-path[^>]*stroke: #444444',
        pictures.trend(known, days, "figure", "", str),
    )
    assert line is not None
    assert line.group(1).count("M") == 2, "the line starts anew after the gap"


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>(.*?)</text>", svg)


@pytest.mark.parametrize("periods", [3, 12, 90])
def test_the_newest_period_has_its_place_and_name_though_nothing_is_known_of_it(periods: int) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(periods)]
    figures = [float(n) for n in range(periods - 1)] + [None]
    table = pd.DataFrame({"period_start": days, "platform": "twitter", "figure": figures})
    drawn = pictures.trend(table, days, "figure", "", str)
    assert str(days[-1]) in words(drawn)
    assert ticks(drawn) == ticks(pictures.trend(table.fillna({"figure": 1.0}), days, "figure", "", str))


def ticks(svg: str) -> list[str]:
    """Where the names under a picture stand."""
    return re.findall(r'xtick_\d+">.*?<use [^>]* x="([\d.]+)"', svg, re.DOTALL)


@pytest.mark.parametrize(
    ("kind", "figures", "axis"),
    [
        ("Int64", [100_000, 1_500_000], [f"{n:,}" for n in range(0, 1_600_000, 200_000)]),
        ("Int64", [0, 1], ["0", "1"]),
        ("Int64", [0, 0], ["0", "1"]),
        ("Float64", [0.001, 0.002], ["0", "0.0005", "0.001", "0.0015", "0.002"]),
        ("Float64", [0.5, 2.0], ["0", "0.5", "1", "1.5", "2"]),
    ],
)
def test_axes_have_whole_counts_in_full(
    kind: Literal["Int64", "Float64"], figures: Sequence[float], axis: list[str]
) -> None:
    days = [date(2026, 9, 1), date(2026, 9, 2)]
    table = pd.DataFrame({"period_start": days, "platform": "twitter", "figure": pd.Series(figures, dtype=kind)})
    assert words(pictures.trend(table, days, "figure", "title", lambda _: "day")) == [
        "day",
        "day",
        *axis,
        "title",
        "twitter",
    ]


def test_followers_of_a_first_day_stand_on_an_axis_of_days() -> None:
    table = pd.DataFrame(
        {"account": "twitter A", "day": [date(2026, 9, 1)], "followers": pd.Series([10], dtype="Int64")}
    )
    drawn = words(pictures.followers(table))
    assert drawn == ["31", "Sep", "02", "2026-Sep", "8", "9", "10", "11", "12", "twitter A"]


def test_posting_times_tell_the_posts_that_the_rate_is_of() -> None:
    table = pd.DataFrame(
        {
            "weekday": [1, 2],
            "hour": [9, 17],
            "posts": [47, 48],
            "rated_posts": [46, 0],
            "median_engagement_rate": [2.5, None],
        }
    )
    drawn = words(pictures.posting_times(table))
    assert "46" in drawn
    assert not {"47", "48"} & set(drawn)
