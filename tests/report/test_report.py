"""The report: figures as the marts hold them, unknown ones as –, and a page that needs nothing from elsewhere."""

import re
from datetime import UTC, date, datetime, timedelta
from html import escape
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from rich.console import Console
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount
from analytics_pipeline.report import page, pictures, tables

MADE_AT = datetime(2026, 9, 30, 12, tzinfo=UTC)


def add(session: Session, table: str, **values: Any) -> None:
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    session.execute(text(f"insert into {table} ({columns}) values ({places})"), values)


@pytest.fixture
def business(marts: Session) -> Engine:
    """Two months of a business with an X account; the impressions of September are unknown."""
    session = marts
    session.add(Business(name="Cafés & <Roasters>"))
    session.flush()
    session.add(SocialAccount(business_id=1, platform="twitter", external_id="77", display_name="Roasters"))
    session.flush()
    for n, url in enumerate(("https://x.com/i/status/1", "javascript:alert(1)"), 1):
        published_at = datetime(2026, 8, n, 9, 30, tzinfo=UTC)
        session.add(
            PublishedPost(
                business_id=1, social_account_id=1, platform="twitter", platform_post_id=f"90{n}", platform_post_url=url,
                published_at=published_at,
            )
        )  # fmt: skip
        session.flush()
        add(
            session, "post_performance", post_id=n, business_id=1, social_account_id=1, platform="twitter",
            published_on=published_at.date(), engagements=1000 * n, impressions=5000, engagement_rate=20.0 * n,
        )  # fmt: skip
    for month, impressions, growth in ((8, 12_345, None), (9, None, -99.5)):
        for platform in ("all", "twitter"):
            key = str(uuid4())
            covered = {"posts_with_engagements": 2, "posts_with_impressions": 1 if impressions else 0}
            add(session, "summary_coverage", id=key, **covered)
            add(
                session, "analytics_summaries", id=key, business_id=1, period_type="monthly", platform=platform,
                period_start=date(2026, month, 1), period_end=date(2026, month, 30), total_posts=2,
                total_engagements=3000, total_impressions=impressions, engagement_growth=growth,
            )  # fmt: skip
    for hour, rate in ((9, 2.5), (17, None)):
        add(
            session, "posting_times", business_id=1, social_account_id=1, platform="twitter", time_zone="Europe/Lisbon",
            weekday=2, hour=hour, posts=20, median_engagement_rate=rate, recommendation="better than usual" if rate else "no",
        )  # fmt: skip
    for n in range(3):
        add(
            session, "account_growth", social_account_id=1, business_id=1, platform="twitter",
            day=date(2026, 9, 1) + timedelta(days=n), followers=100 + n if n != 1 else None,
        )  # fmt: skip
    session.commit()
    return session.get_bind().engine


def test_tables_keep_what_is_unknown(business: Engine) -> None:
    found = tables.tables(business, 1, "monthly")
    summaries = found.summaries[found.summaries["platform"] == "twitter"]
    assert summaries["period_start"].tolist() == [date(2026, 8, 1), date(2026, 9, 1)]
    assert summaries["total_impressions"].isna().tolist() == [False, True]
    assert summaries["total_impressions"].iloc[0] == 12_345
    assert found.top_posts["platform_post_id"].tolist() == ["902", "901"]
    assert found.followers["followers"].tolist() == [100, 102]
    assert tables.summaries(business, 2, "monthly").empty


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names(business: Engine) -> None:
    html = page.page("Cafés & <Roasters>", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert "<h1>Cafés &amp; &lt;Roasters&gt;</h1>" in html
    assert html.count("<svg") == 4, "engagements, rates, posting times, followers"
    assert not re.search(r"<(script|link|img|iframe)\b", html)
    ways_out = re.findall(r'(?:href|src)="(?!#|data:image/png;base64,)([^"]*)"', html)
    assert ways_out == ["https://x.com/i/status/1"], "the only way out is a post"
    assert "javascript" not in html
    assert "Better than usual: Tue 9:00." in html
    assert "Hours in Europe/Lisbon; 40 posts." in html


def test_rows_of_the_page(business: Engine) -> None:
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r'<tr class="\w+">(.*?)</tr>', html)]
    assert rows[0] == ["2026-09", "twitter", "2", "3,000", "–", "–", "–", "–", "-99.50"]
    assert rows[3] == ["2026-08", "all", "2", "3,000", "12,345<br><small>1 of 2 posts</small>", "–", "–", "–", "–"]


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


@pytest.mark.parametrize(
    ("period", "first", "last", "count"),
    [
        ("monthly", date(2026, 1, 1), date(2026, 6, 1), 6),
        ("weekly", date(2026, 12, 21), date(2027, 1, 11), 4),
        ("daily", date(2028, 2, 27), date(2028, 3, 1), 4),
    ],
)
def test_periods_without_a_post_have_their_place(period: str, first: date, last: date, count: int) -> None:
    starts = page.every_start(pd.Series([last, first], dtype=object), period)
    assert (len(starts), starts[0], starts[-1]) == (count, first, last)


def test_accounts_of_one_name_are_told_apart(business: Engine) -> None:
    with Session(business) as session, session.begin():
        session.add(SocialAccount(business_id=1, platform="twitter", external_id="78", display_name="Roasters"))
        session.flush()
        for n in range(3):
            add(
                session, "account_growth", social_account_id=2, business_id=1, platform="twitter",
                day=date(2026, 9, 1) + timedelta(days=n), followers=7,
            )  # fmt: skip
        add(
            session, "posting_times", business_id=1, social_account_id=2, platform="twitter", time_zone="UTC",
            weekday=2, hour=9, posts=3, median_engagement_rate=1.0, recommendation="not enough posts",
        )  # fmt: skip
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert html.count("<svg") == 5
    assert "<h3>twitter Roasters (77)</h3>" in html
    assert "<h3>twitter Roasters (78)</h3>" in html


@pytest.mark.parametrize(("period", "name"), [("daily", "2027-01-01"), ("weekly", "2026-W53"), ("monthly", "2027-01")])
def test_names_of_periods(period: str, name: str) -> None:
    assert page.period_name(date(2027, 1, 1), period) == name


def test_an_empty_business_says_what_to_do(marts: Session) -> None:
    html = page.page("Acme", "weekly", tables.tables(marts.get_bind().engine, 1, "weekly"), MADE_AT)
    assert "There are no posts yet" in html


def test_formats_of_the_command(business: Engine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for form in ("csv", "parquet", "html"):
        assert CliRunner().invoke(app, ["report", "--business", "1", "--format", form]).exit_code == 0
    read = (pd.read_csv(tmp_path / "report-1-monthly.csv"), pd.read_parquet(tmp_path / "report-1-monthly.parquet"))
    for table in read:
        assert table["total_impressions"].isna().tolist() == [False, False, True, True]
        assert table["total_engagements"].tolist() == [3000] * 4
    assert (tmp_path / "report-1-monthly.html").read_text().startswith("<!doctype html>")


def test_types_of_files_do_not_depend_on_the_figures(business: Engine, tmp_path: Path) -> None:
    """So that files of several businesses can be put together, of one without posts too."""
    with Session(business) as session, session.begin():
        session.add(Business(name="Without posts"))
    found = []
    for number in ("1", "2"):
        file = tmp_path / f"{number}.parquet"
        command = ["report", "--business", number, "--format", "parquet", "--output", str(file)]
        assert CliRunner().invoke(app, command).exit_code == 0
        found.append(pd.read_parquet(file, dtype_backend="pyarrow"))
    types = found[0].dtypes.astype(str).to_dict()
    assert found[1].dtypes.astype(str).to_dict() == types
    assert {types.pop("period_start"), types.pop("period_end")} == {"date32[day][pyarrow]"}
    assert types.pop("platform") in ("string", "string[pyarrow]", "large_string[pyarrow]")
    rates = {types.pop(name) for name in ("avg_engagement_rate", "avg_click_through_rate", "engagement_growth")}
    assert rates == {"double[pyarrow]"}
    assert set(types.values()) == {"int64[pyarrow]"}
    assert [len(table) for table in found] == [4, 0]


def test_whole_rates_are_written_as_rates(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE analytics_summaries SET avg_engagement_rate = 5, engagement_growth = 7"))
    table = tables.summaries(business, 1, "monthly")
    assert table[["avg_engagement_rate", "engagement_growth"]].to_csv(index=False).split() == [
        "avg_engagement_rate,engagement_growth",
        *["5.0,7.0"] * 4,
    ]
    assert page.cell(table["avg_engagement_rate"].iloc[0]) == "5.00"


def test_moments_are_utc_whatever_the_zone_of_the_database(business: Engine) -> None:
    with business.begin() as connection:
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'"))
    business.dispose()
    published = tables.tables(business, 1, "monthly").top_posts["published_at"]
    assert [f"{moment:%Y-%m-%d %H:%M %Z}" for moment in published] == ["2026-08-02 09:30 UTC", "2026-08-01 09:30 UTC"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(r"$\foo$ & <$5 and $10 shop>", r"$\foo$ & <$5 and $10 shop>", id="no formula"),
        pytest.param("Lava \N{VOLCANO}", "Lava \N{VOLCANO}", id="the reader's own fonts have it"),
        pytest.param("B" * 300, "B" * 91 + "…", id="longer than the picture is wide"),
    ],
)
def test_odd_names_of_accounts(business: Engine, name: str, shown: str) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE social_accounts SET display_name = :name"), {"name": name})
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert f"twitter {escape(shown, quote=False)}" in re.findall(r"<text[^>]*>(.*?)</text>", html)
    assert f"<h3>twitter {escape(name)}</h3>" in html


def test_where_nothing_is_known_the_page_says_so(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE analytics_summaries SET total_engagements = NULL, engagement_growth = NULL"))
        connection.execute(text("UPDATE posting_times SET median_engagement_rate = NULL"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    drawn = re.findall(r"<text[^>]*>(.*?)</text>", html)
    assert drawn.count("nothing is known") == 2, "engagements and rates"
    assert "No engagement rate is known" in drawn
    assert not [words for words in drawn if re.fullmatch(r"[-\N{MINUS SIGN}]?0\.\d+", words)], "no scale of nothing"


def test_the_terminal_says_of_how_many_posts_a_figure_is(business: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    monkeypatch.setattr(import_module("analytics_pipeline.cli.report"), "console", Console(file=terminal, width=80))
    assert CliRunner().invoke(app, ["report", "--business", "1"]).exit_code == 0
    said = terminal.getvalue()
    assert "12,345 (1)" in said
    assert "(n): the figure is that of n of the posts" in said
    assert "3,000 (" not in said, "those of all posts stand alone"


def test_before_the_first_build_the_command_says_so(session: Session) -> None:
    with pytest.raises(tables.NoSummariesError, match="the summaries were never built"):
        tables.summaries(session.get_bind().engine, 1, "monthly")
