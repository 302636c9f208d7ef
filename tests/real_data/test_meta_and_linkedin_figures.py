"""The sets of Facebook, Instagram and LinkedIn: figures equal to the CSV, several readings, and what fell."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.runs import dagster_instance
from tests.real_data import facebook, instagram, linkedin, replay
from tests.real_data.expected import differences, observations, stored, summaries
from tests.real_data.realset import RealSet, frame

pytestmark = pytest.mark.timeout(900)

SETS = {
    "cosmetics": facebook.cosmetics,
    "creator": instagram.creator,
    "company": linkedin.company,
    "police": facebook.police,
}
KEY = ["business", "platform", "period_type", "period_start"]


@dataclass
class Replayed:
    """The sets, read and summarised; what the last run of each said; the summaries of the police before October."""

    sets: dict[str, RealSet]
    runs_of_company: list[dg.ExecuteInProcessResult] = field(default_factory=list)
    september: pd.DataFrame = field(default_factory=pd.DataFrame)

    def observations(self, name: str) -> pd.DataFrame:
        """What is stored of a set."""
        return replay.stored_observations(self.sets[name])


@pytest.fixture(scope="module")
def replayed(database: None, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """All sets, read over HTTP, the company's by Dagster runs; summarised before and after the police's last reading."""
    result = Replayed({name: make() for name, make in SETS.items()})
    police = result.sets["police"]
    with dagster_instance() as instance:
        for name, real in result.sets.items():
            with replay.served(real.world, tmp_path_factory.mktemp(name)) as sandbox:
                for reading in real.readings:
                    if reading is police.readings[-1]:
                        newest = police.readings[-2].last
                        replay.summarise(newest, newest, instance)  # the first build is one of all days
                        result.september = replay.stored_summaries(police)
                    if name == "company":
                        result.runs_of_company.append(replay.read_in_a_run(real, reading, sandbox, instance))
                    else:
                        replay.read(real, reading, sandbox)
        replay.summarise(police.readings[-1].first, police.readings[-1].last, instance)
    return result


@pytest.mark.parametrize("name", SETS)
def test_observations_are_those_of_the_csv(replayed: Replayed, name: str) -> None:
    expected = observations(replayed.sets[name])
    assert differences(expected, stored(replayed.observations(name), ["post", "read_at"], expected)) == []


@pytest.mark.parametrize("name", SETS)
def test_summaries_are_those_of_the_csv(replayed: Replayed, name: str) -> None:
    real = replayed.sets[name]
    expected = summaries(real, len(real.readings))
    assert differences(expected, stored(replay.stored_summaries(real), KEY, expected)) == []


def test_summaries_of_the_police_before_the_last_reading(replayed: Replayed) -> None:
    expected = summaries(replayed.sets["police"], 2)
    assert differences(expected, stored(replayed.september, KEY, expected)) == []


def test_703_posts_of_the_police_show_both_readings(replayed: Replayed) -> None:
    table = replayed.observations("police")
    by_post = table.groupby("post").read_at.agg(set)
    assert (by_post == {facebook.SEPTEMBER[1], facebook.OCTOBER[1]}).sum() == 703
    assert (by_post == {facebook.PERFORMANCE[1], facebook.OCTOBER[1]}).sum() == 7
    pairs = table.pivot(index="post", columns="read_at", values=["likes_count", "comments_count", "shares_count"])
    fell = {
        metric: int((pairs[metric][facebook.OCTOBER[1]] < pairs[metric][facebook.SEPTEMBER[1]]).sum())
        for metric in ("likes_count", "comments_count", "shares_count")
    }
    assert fell == {"likes_count": 0, "comments_count": 3, "shares_count": 7}


def test_impressions_of_seven_posts_stay_in_history_only(replayed: Replayed) -> None:
    def month(table: pd.DataFrame) -> "pd.Series[Any]":
        chosen = table.business.str.contains("Ballarat") & (table.platform == "facebook")
        (row,) = (
            (chosen & (table.period_type == "monthly") & (table.period_start == date(2018, 9, 1))).to_numpy().nonzero()
        )
        return table.iloc[int(row[0])]

    performance = frame(facebook.PERFORMANCE[0])
    september, now = month(replayed.september), month(replay.stored_summaries(replayed.sets["police"]))
    totals = ["total_posts", "total_impressions", "total_reach", "total_clicks", "total_video_views"]
    sums = performance[["Impressions", "Reach", "Clicks", "Video Views"]].sum()
    assert list(september[totals]) == [7, *sums]
    assert september.avg_click_through_rate == 100 * sums.Clicks / sums.Impressions
    assert list(now[totals[1:]]) == [None] * 4
    assert now.avg_engagement_rate is None
    table = replayed.observations("police")
    assert table[table.read_at == facebook.PERFORMANCE[1]].impressions.sum() == sums.Impressions


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("cosmetics", {"video_views", "url_clicks", "bookmarks_count"}),
        ("creator", {"reach", "clicks", "video_views", "reactions_count"}),
        ("company", {"reach", "reactions_count", "video_views"}),
    ],
)
def test_what_a_set_lacks_is_null_and_not_zero(replayed: Replayed, name: str, unknown: set[str]) -> None:
    table = replayed.observations(name)
    assert {metric: set(table[metric]) for metric in unknown} == {metric: {None} for metric in unknown}
    totals = replay.stored_summaries(replayed.sets[name])
    for metric in unknown & {"reach", "clicks", "video_views"}:
        assert set(totals[f"total_{metric}"]) == {None}


def test_blank_likes_and_shares_of_cosmetics_are_null(replayed: Replayed) -> None:
    table = replayed.observations("cosmetics")
    assert (table.likes_count.isna().sum(), table.shares_count.isna().sum(), table.comments_count.isna().sum()) == (
        1,
        4,
        0,
    )


def test_negative_shares_and_falling_impressions_of_linkedin_stay_and_are_flagged(replayed: Replayed) -> None:
    table = replayed.observations("company").sort_values("read_at")
    assert (table.shares_count == -1).sum() == 4
    changes = table.impressions.astype(int).groupby(table.post).diff().dropna()
    assert (changes < 0).sum() == 15
    newest = table.read_at.max()
    flagged = absurd = 0
    for reading, run in zip(replayed.sets["company"].readings, replayed.runs_of_company, strict=True):
        for evaluation in run.get_asset_check_evaluations():
            if reading.at == newest and evaluation.check_name == "figures_fell":
                flagged += int(str(evaluation.metadata["found"].value))
            if evaluation.check_name == "absurd_figures":
                absurd += (evaluation.description or "").count("-1 shares")
    assert absurd >= 4
    assert flagged == ((changes < 0) & (table.read_at == newest)).sum() > 0


def test_a_post_that_linkedin_leaves_out_is_absent(replayed: Replayed) -> None:
    states = replay.stored(
        "select p.status, u.state, count(*) as n from published_posts p join sync_units u"
        " on u.social_account_id = p.social_account_id and u.publish_day = p.published_on"
        " where p.platform = 'linkedin' group by p.status, u.state"
    )
    assert states.to_dict("records") == [{"status": "published", "state": "done", "n": 80}]
