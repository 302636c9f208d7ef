"""World folders: round trip, refusals with file and line, look-ups by time."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.model import (
    Account,
    AccountDay,
    ClockSettings,
    LinkedInSettings,
    Observation,
    Post,
    TwitterSettings,
    WorldError,
)
from analytics_pipeline.sandbox.world import World, WorldFileError, load_world, write_world

NOW = datetime(2026, 9, 10, 12, tzinfo=UTC)


def _world(**more: Any) -> World:
    return World(
        "two readings",
        accounts=[Account("twitter", "22", "Acme", access_token="t", scopes=frozenset({"b", "a"}), followers=5)],
        posts=[Post("twitter", "22", "1", NOW, text='a "quoted"\nline, and ü', deleted_at=NOW + timedelta(days=9))],
        observations=[
            Observation("twitter", "1", NOW + timedelta(days=2), likes=-1, impressions=30),
            Observation("twitter", "1", NOW + timedelta(days=1), likes=2, impressions=40),
        ],
        account_days=[
            AccountDay("twitter", "22", date(2026, 9, 10), "followers", 6),
            AccountDay("twitter", "22", date(2026, 9, 11), "followers", 9),
        ],
        faults=[Fault("status", status=429, retry_after="1.5", times=0)],
        **more,
    )


class TestFolder:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        world = _world(
            clock=ClockSettings("fixed", NOW),
            linkedin=LinkedInSettings(active_versions=["202608"], daily_quota=7),
            twitter=TwitterSettings(monthly_cap=3, window_limits={"tweets": 2}),
        )
        write_world(world, tmp_path / "a world")
        assert load_world(tmp_path / "a world") == world

    @settings(max_examples=25)
    @given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30), likes=st.integers())
    def test_any_text_and_figure_survives(
        self, text: str, likes: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        world = World(
            text or "w",
            accounts=[Account("twitter", "22", text, access_token="t")],
            posts=[Post("twitter", "22", "1", NOW, text=text)],
            observations=[Observation("twitter", "1", NOW, likes=likes)],
        )
        folder = tmp_path_factory.mktemp("world")
        write_world(world, folder)
        assert load_world(folder) == world

    def test_only_accounts_and_posts_are_needed(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("platform,external_id,access_token\ntwitter,22,t\n")
        (tmp_path / "posts.csv").write_text(
            "platform,external_id,post_id,published_at\ntwitter,22,1,2026-09-10T14:00+02:00\n"
        )
        world = load_world(tmp_path)
        assert world.name == tmp_path.name
        assert world.posts[0].published_at == NOW
        assert world.clock.mode == "real"

    @pytest.mark.parametrize(
        ("file", "line", "old", "new", "reason"),
        [
            ("accounts.csv", 2, "twitter,22", "twitte,22", "unknown platform 'twitte'"),
            ("accounts.csv", 2, ",valid,", ",good,", "token_state 'good'"),
            ("accounts.csv", 2, ",false", ",no", "rate_limit_once: 'no' is neither true nor false"),
            ("accounts.csv", 1, "followers", "follower", "unknown column 'follower'"),
            ("posts.csv", 1, "post_id,", "", "column 'post_id' is missing"),
            ("posts.csv", 2, "twitter,22,1", "twitter,23,1", "no twitter account 23"),
            ("posts.csv", 2, "2026-09-10T12:00:00Z", "2026-09-10T12:00:00", "no time zone"),
            ("posts.csv", 2, "2026-09-10T12:00:00Z", "", "published_at is blank"),
            ("observations.csv", 3, "twitter,1", "twitter,2", "no twitter post 2"),
            ("observations.csv", 2, ",30,", ",thirty,", "impressions: invalid literal"),
            ("observations.csv", 2, ",30,", ",30,,", "cells where the header has"),
            ("account_days.csv", 3, "2026-09-11", "2026-09-10", "followers of 2026-09-10 stands there twice"),
            ("account_days.csv", 3, "2026-09-11", "yesterday", "day: Invalid isoformat"),
            ("faults.csv", 2, "status,", "earthquake,", "unknown kind of fault 'earthquake'"),
            ("faults.csv", 2, "status,", "status,x", "unknown platform 'x'"),
            ("world.toml", None, "[twitter]", "[x]", "unknown section [x]"),
            ("world.toml", None, "daily_quota", "dayly_quota", "unknown setting linkedin.dayly_quota"),
            ("world.toml", None, "timeline_cap = 3200", 'timeline_cap = "all"', "twitter.timeline_cap cannot be 'all'"),
            ("world.toml", None, 'mode = "real"', 'mode = "fixed"', "clock.start"),
            ("world.toml", None, 'name = "', "name = ", "Invalid"),
        ],
    )
    def test_a_bad_row_is_refused_with_file_line_and_reason(
        self, tmp_path: Path, file: str, line: int | None, old: str, new: str, reason: str
    ) -> None:
        write_world(_world(), tmp_path)
        path = tmp_path / file
        text = path.read_text()
        place = sum(len(each) + 1 for each in text.split("\n")[: (line or 1) - 1]) if line else 0
        assert old in text[place:]
        path.write_text(text[:place] + text[place:].replace(old, new, 1))
        with pytest.raises(WorldFileError) as refused:
            load_world(tmp_path)
        assert refused.value.file.name == file
        assert refused.value.line == line
        assert reason in str(refused.value)

    def test_the_line_counts_lines_of_the_file_not_rows(self, tmp_path: Path) -> None:
        world = _world()
        world.posts.append(Post("twitter", "22", "2", NOW))
        write_world(world, tmp_path)
        posts = tmp_path / "posts.csv"
        posts.write_text(posts.read_text().replace("twitter,22,2", "twitter,99,2"))
        with pytest.raises(WorldFileError, match=r"posts\.csv, line 4: no twitter account 99"):
            load_world(tmp_path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WorldFileError, match=r"accounts\.csv: this file is missing"):
            load_world(tmp_path)


class TestLookUps:
    def test_the_newest_reading_up_to_then(self) -> None:
        world = _world()
        (post,) = world.posts
        assert world.observation(post, NOW) is None
        likes = [
            getattr(world.observation(post, NOW + timedelta(days=days)), "likes", None) for days in (0.9, 1, 1.9, 2, 99)
        ]
        assert likes == [None, 2, 2, -1, -1]

    def test_posts_appear_and_vanish(self) -> None:
        world = _world()
        (account,) = world.accounts
        seen = [len(world.posts_of(account, NOW + timedelta(days=days))) for days in (-1, 0, 8.9, 9, 1)]
        assert seen == [0, 1, 1, 0, 1]
        assert world.post("twitter", "1", NOW + timedelta(days=9)) is None

    def test_followers_by_day(self) -> None:
        world = _world()
        (account,) = world.accounts
        turned = World(accounts=world.accounts, account_days=world.account_days[::-1])
        for each in (world, turned):
            assert [each.followers(account, NOW + timedelta(days=days)) for days in (-1, 0, 1, 5)] == [5, 6, 9, 9]

    @given(ages=st.lists(st.integers(0, 10_000), unique=True, max_size=40), at=st.integers(-1, 10_001))
    def test_listing_is_newest_first_for_any_order_of_rows(self, ages: list[int], at: int) -> None:
        posts = [Post("twitter", "22", str(age), NOW + timedelta(seconds=age)) for age in ages]
        world = World(accounts=[Account("twitter", "22")], posts=posts)
        listed = [int(post.post_id) for post in world.posts_of(world.accounts[0], NOW + timedelta(seconds=at))]
        assert listed == sorted((age for age in ages if age <= at), reverse=True)

    def test_edits_replace_each_other_in_listings(self) -> None:
        first = Post("twitter", "22", "1", NOW)
        second = Post("twitter", "22", "2", NOW + timedelta(minutes=5), edit_of="1")
        world = World(accounts=[Account("twitter", "22")], posts=[second, first])
        assert world.posts_of(world.accounts[0], NOW) == [first]
        assert world.posts_of(world.accounts[0], NOW + timedelta(hours=1)) == [second]
        assert world.edit_chain(second, NOW + timedelta(hours=1)) == [first, second]
        assert world.edit_chain(first, NOW) == [first]

    def test_an_edit_of_a_later_post_is_refused(self) -> None:
        posts = [Post("twitter", "22", "1", NOW, edit_of="2"), Post("twitter", "22", "2", NOW)]
        with pytest.raises(WorldError, match="not older"):
            World(accounts=[Account("twitter", "22")], posts=posts)

    def test_album_items_are_found_but_not_listed(self) -> None:
        album, item = Post("instagram", "17", "1", NOW), Post("instagram", "17", "2", NOW, parent_id="1")
        world = World(accounts=[Account("instagram", "17")], posts=[item, album])
        assert world.posts_of(world.accounts[0], NOW) == [album]
        assert world.children(album) == [item]
        assert world.post("instagram", "2", NOW) is item


def test_a_hundred_thousand_posts(tmp_path: Path) -> None:
    """Loads and answers within seconds; the limit is generous, quadratic look-ups would take hours."""
    count = 100_000
    with (tmp_path / "accounts.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("platform", "external_id", "access_token"), ("twitter", "22", "t")])
    with (tmp_path / "posts.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("platform", "external_id", "post_id", "published_at"))
        writer.writerows(("twitter", "22", n, (NOW + timedelta(seconds=n)).isoformat()) for n in range(count))
    world = load_world(tmp_path)
    (account,) = world.accounts
    later = NOW + timedelta(days=10)
    assert sum(len(world.posts_of(account, later)) for _ in range(1_000)) == count * 1_000
    assert world.posts_of(account, later)[0].post_id == str(count - 1)
