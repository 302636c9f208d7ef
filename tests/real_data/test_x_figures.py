"""The two sets of X: figures equal to the CSV, and what X shows only to the author, only for 30 days, only of 3,200 posts."""

from collections.abc import Mapping

import pytest

from analytics_pipeline.runs import dagster_instance
from tests.real_data import replay, twitter
from tests.real_data.expected import differences, observations, stored, summaries
from tests.real_data.realset import RealSet, rows

pytestmark = pytest.mark.timeout(900)

SETS = {"community": twitter.community, "public_figures": twitter.public_figures}


@pytest.fixture(scope="module")
def sets(database: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RealSet]:
    """Both sets, read over HTTP and summarised by dbt."""
    made = {name: make() for name, make in SETS.items()}
    for name, real in made.items():
        with replay.served(real.world, tmp_path_factory.mktemp(name)) as sandbox:
            for reading in real.readings:
                replay.read(real, reading, sandbox)
    newest = made["community"].readings[-1].last
    with dagster_instance() as instance:
        replay.summarise(newest, newest, instance)  # the first build is one of all days
    return made


@pytest.mark.parametrize("name", SETS)
def test_observations_are_those_of_the_csv(sets: Mapping[str, RealSet], name: str) -> None:
    expected = observations(sets[name])
    actual = stored(replay.stored_observations(sets[name]), ["post", "read_at"], expected)
    assert differences(expected, actual) == []


@pytest.mark.parametrize("name", SETS)
def test_summaries_are_those_of_the_csv(sets: Mapping[str, RealSet], name: str) -> None:
    expected = summaries(sets[name], len(sets[name].readings))
    key = ["business", "platform", "period_type", "period_start"]
    assert differences(expected, stored(replay.stored_summaries(sets[name]), key, expected)) == []


def test_private_clicks_are_kept_from_the_reading_that_could_see_them(sets: Mapping[str, RealSet]) -> None:
    december = [row for row in rows(twitter.COMMUNITY) if row["export_file"] == "20161201_20170101"]
    clicks = {row["Tweet id"]: int(float(row["url clicks"])) for row in december if row["time"] >= "2016-12-02"}
    table = replay.stored_observations(sets["community"])
    assert len(clicks) > 30
    first = table[table.read_at == twitter.FIRST_EXPORT].set_index("post").url_clicks
    assert {post: first[post] for post in clicks} == clicks
    later = table[table.read_at == twitter.LAST_EXPORT].set_index("post").url_clicks
    assert {later[post] for post in clicks} == {None}, "five years later X does not tell any more"


def test_the_oldest_posts_and_retweets_are_not_found(sets: Mapping[str, RealSet]) -> None:
    found = set(replay.stored_observations(sets["public_figures"]).post)
    listed = replay.stored("select platform_post_id from published_posts p join businesses b on b.id = p.business_id"
                           " where b.name like 'president%'").platform_post_id  # fmt: skip
    assert set(listed) == found
    for account, total in (("president_44", 3207), ("president_45", 3232)):
        posts = sorted((int(row["tweet_id"]), row) for row in rows(twitter.FIGURES) if row["account"] == account)
        assert len(posts) == total
        beyond = {str(post) for post, _ in posts[: total - twitter.TIMELINE]}
        retweets = {str(post) for post, row in posts if row["is_retweet"] == "1"}
        assert not found & (beyond | retweets)
        assert {str(post) for post, _ in posts} - beyond - retweets <= found
