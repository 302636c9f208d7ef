"""The page of a report: needs nothing from elsewhere, shows unknown figures as –, and says what it shows."""

import re
from datetime import date, timedelta
from html import escape

import pandas as pd
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.report import notation, page, tables
from tests.report.conftest import MADE_AT, add


def test_the_page_needs_nothing_from_elsewhere_and_escapes_names(business: Engine) -> None:
    html = page.page("Cafés & <Roasters>", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert "<h1>Cafés &amp; &lt;Roasters&gt;</h1>" in html
    assert html.count("<svg") == 4, "engagements, rates, posting times, followers"
    assert not re.search(r"<(script|link|img|iframe)\b", html)
    ways_out = re.findall(r'(?:href|src)="(?!#|data:image/png;base64,)([^"]*)"', html)
    assert ways_out == ["https://x.com/i/status/1"], "the only way out is a post"
    assert "javascript" not in html
    assert "Better than usual: Tue 9:00." in html
    assert (
        "40 posts of 2026-06-11 to 2026-09-30, hours in Europe/Lisbon. The engagement rate of 19 posts is known."
        in html
    )


def test_rows_of_the_page(business: Engine) -> None:
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r'<tr class="\w+">(.*?)</tr>', html)]
    assert rows[0] == ["2026-09<br><small>not over</small>", "twitter", "2", "3,000", "–", "–", "–", "–", "-99.50"]
    assert rows[3] == ["2026-08", "all", "2", "3,000", "12,345<br><small>1 of 2 posts</small>", "–", "–", "–", "–"]


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
            weekday=2, hour=9, posts=3, rated_posts=3, window_start=date(2026, 6, 11), window_end=date(2026, 9, 30),
            median_engagement_rate=1.0, recommendation="not enough posts",
        )  # fmt: skip
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert html.count("<svg") == 5
    assert "<h3>twitter Roasters (77)</h3>" in html
    assert "<h3>twitter Roasters (78)</h3>" in html


@pytest.mark.parametrize(("period", "name"), [("daily", "2027-01-01"), ("weekly", "2026-W53"), ("monthly", "2027-01")])
def test_names_of_periods(period: str, name: str) -> None:
    assert notation.period_name(date(2027, 1, 1), period) == name


def test_an_empty_business_says_what_to_do(marts: Session) -> None:
    html = page.page("Acme", "weekly", tables.tables(marts.get_bind().engine, 1, "weekly"), MADE_AT)
    assert "There are no posts yet" in html


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
        connection.execute(text("UPDATE posting_times SET median_engagement_rate = NULL, rated_posts = 0"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    drawn = re.findall(r"<text[^>]*>(.*?)</text>", html)
    assert drawn.count("nothing is known") == 2, "engagements and rates"
    assert "No engagement rate is known" in drawn
    assert not [words for words in drawn if re.fullmatch(r"[-\N{MINUS SIGN}]?0\.\d+", words)], "no scale of nothing"


def test_a_month_is_over_on_the_first_of_the_next(business: Engine) -> None:
    found = tables.tables(business, 1, "monthly")
    assert found.summaries["period_end"].max() == date(2026, 9, 30)
    assert "not over" not in page.page("Cafés", "monthly", found, MADE_AT + timedelta(days=1))


def test_growth_of_some_posts_is_marked(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE summary_coverage SET posts_with_engagements = 1"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert html.count("<td>-99.50<br><small>some posts</small></td>") == 2


def test_posts_that_are_gone_are_marked_and_no_link(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE published_posts SET status = 'deleted' WHERE platform_post_id = '901'"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert '<td class="text id">901<br><small>deleted</small></td>' in html
    assert "https://x.com/i/status/1" not in html


def test_remarks_and_what_is_left_out_stand_at_the_top(business: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.PERIODS, "monthly", 1)
    with business.begin() as connection:
        connection.execute(text("UPDATE social_accounts SET status = 'disconnected'"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert "<li>twitter Roasters is not read: disconnected</li>" in html
    assert "Shown is the time since 2026-09;" in html


def test_followers_are_shown_without_posts(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("DELETE FROM analytics_summaries"))
    html = page.page("Cafés", "monthly", tables.tables(business, 1, "monthly"), MADE_AT)
    assert "There are no posts yet" in html
    assert html.count("<svg") == 1


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (0.0, "0.00"),
        (0.0001, "<0.01"),
        (-0.0001, ">-0.01"),
        (0.005, "0.01"),
        (1234.5, "1,234.50"),
        (6386419752349, "6,386,419,752,349"),
    ],
)
def test_a_rate_that_is_not_zero_never_looks_like_it(figure: float, shown: str) -> None:
    assert page.cell(figure) == shown
