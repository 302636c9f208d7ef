"""The figures of a report: as the marts hold them, unknown ones empty, and what is missing named."""

from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline.report import page, tables


def test_tables_keep_what_is_unknown(business: Engine) -> None:
    found = tables.tables(business, 1, "monthly")
    summaries = found.summaries[found.summaries["platform"] == "twitter"]
    assert summaries["period_start"].tolist() == [date(2026, 8, 1), date(2026, 9, 1)]
    assert summaries["total_impressions"].isna().tolist() == [False, True]
    assert summaries["total_impressions"].iloc[0] == 12_345
    assert found.top_posts["platform_post_id"].tolist() == ["902", "901"]
    assert found.followers["followers"].tolist() == [100, 102]
    assert tables.summaries(business, 2, "monthly").empty


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


def test_before_the_first_build_the_command_says_so(session: Session) -> None:
    with pytest.raises(tables.NoSummariesError, match="the summaries were never built"):
        tables.summaries(session.get_bind().engine, 1, "monthly")


def test_summaries_of_an_older_version_are_no_traceback(business: Engine) -> None:
    """Their new columns come with the first build."""
    with business.begin() as connection:
        connection.execute(text("ALTER TABLE summary_coverage DROP COLUMN posts_with_reach"))
    with pytest.raises(tables.NoSummariesError, match=r"another version .*: run `analytics-pipeline backfill` first"):
        tables.summaries(business, 1, "monthly")


def test_growth_against_a_period_that_is_known_in_part_says_so(business: Engine) -> None:
    def growth() -> list[tuple[object, object]]:
        found = tables.summaries(business, 1, "monthly")
        return list(zip(found["growth_of_some_posts"], found["platform"], strict=True))[2:]

    assert growth() == [(False, "twitter"), (False, "all")], "both months are whole"
    some = (
        "UPDATE summary_coverage SET posts_with_engagements = 1 WHERE id IN (SELECT id FROM analytics_summaries WHERE "
    )
    with business.begin() as connection:
        connection.execute(text(f"{some} platform = 'twitter' AND period_start = '2026-08-01')"))
    assert growth() == [(True, "twitter"), (False, "all")], "the month before is not"
    with business.begin() as connection:
        connection.execute(text("UPDATE summary_coverage SET posts_with_engagements = 2"))
        connection.execute(text(f"{some} platform = 'all' AND period_start = '2026-09-01')"))
    assert growth() == [(False, "twitter"), (True, "all")]
    assert tables.summaries(business, 1, "monthly")["growth_of_some_posts"].isna().tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_what_the_summaries_lack_is_named(business: Engine) -> None:
    state = tables.state(business, 1)
    assert (state.not_built, state.not_read.empty) == (0, True)
    with business.begin() as connection:
        connection.execute(text("UPDATE published_posts SET last_synced_at = now() WHERE id = 1"))
        connection.execute(text("DELETE FROM post_performance WHERE post_id = 2"))
        connection.execute(text("UPDATE social_accounts SET status = 'needs_reauth', status_reason = 'revoked'"))
    state = tables.state(business, 1)
    assert page.remarks(state) == [
        "twitter Roasters is not read: needs_reauth (revoked)",
        "2 posts found or read since these summaries were built: they follow by themselves where Dagster runs"
        " (analytics-pipeline dev), else by analytics-pipeline backfill",
    ]


def test_what_is_left_out_of_a_page_is_said(business: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.tables(business, 1, "monthly").since is None
    monkeypatch.setitem(tables.PERIODS, "monthly", 1)
    found = tables.tables(business, 1, "monthly")
    assert found.since == date(2026, 9, 1)
    assert set(found.summaries["period_start"]) == {date(2026, 9, 1)}


def test_followers_of_a_business_without_posts(business: Engine) -> None:
    with business.begin() as connection:
        connection.execute(text("DELETE FROM analytics_summaries"))
    assert tables.tables(business, 1, "monthly").followers["followers"].tolist() == [100, 102]
