"""The generated world: its size, ids, figures, and what goes wrong in it on purpose; the command that serves it."""

import signal
import string
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from analytics_pipeline.sandbox.model import Observation
from analytics_pipeline.sandbox.world import World, generate_world, load_world

NOW = datetime(2026, 11, 22, 23, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(1, NOW)


def test_it_is_the_same_for_the_same_seed_and_moment(world: World) -> None:
    assert generate_world(1, NOW) == world
    assert generate_world(2, NOW) != world


def test_three_businesses_on_four_platforms_with_120_days_of_posts(world: World) -> None:
    assert len({account.business for account in world.accounts}) == 3
    assert Counter(account.platform for account in world.accounts) == dict.fromkeys(
        ("linkedin", "twitter", "facebook", "instagram"), 3
    )
    assert 1_500 <= len(world.posts) <= 2_500
    assert {(NOW - post.published_at).days for post in world.posts} == set(range(120))
    assert all(post.published_at <= NOW for post in world.posts)
    assert len({account.access_token for account in world.accounts}) == 12


def test_kinds_of_posts(world: World) -> None:
    kinds = {(post.platform, post.post_type) for post in world.posts}
    assert {kind for _, kind in kinds} == {"text", "image", "video", "reel", "carousel", "link", "story"}
    assert ("instagram", "story") in kinds


def test_ids_have_the_shape_and_the_time_of_their_platform(world: World) -> None:
    for post in world.posts:
        milliseconds = post.published_at.timestamp() * 1000
        digits = post.post_id.rpartition(":")[2].rpartition("_")[2]
        assert set(digits) <= set(string.digits)
        match post.platform:
            case "linkedin":
                assert post.post_id.startswith(("urn:li:share:", "urn:li:ugcPost:"))
                assert (len(digits), int(digits) >> 22) == (19, milliseconds)
            case "twitter":
                assert (len(digits), (int(digits) >> 22) + 1_288_834_974_657) == (19, milliseconds)
            case "facebook":
                assert post.post_id.startswith(f"{post.external_id}_")
            case _:
                assert len(digits) == 17


def test_figures_grow_with_age_and_go_on_growing(world: World) -> None:
    readings: dict[str, list[Observation]] = {}
    for row in world.observations:
        readings.setdefault(row.post_id, []).append(row)
    assert min(len(rows) for rows in readings.values()) >= 3
    for rows in readings.values():
        for name in ("likes", "impressions", "comments", "shares"):
            values = [getattr(row, name) for row in rows]
            assert values == sorted(values)
    newest = max(world.posts, key=lambda post: post.published_at)
    now, later = (world.observation(newest, NOW + timedelta(days=days)) for days in (0.2, 10))
    assert now is not None
    assert later is not None
    assert (later.impressions or 0) > (now.impressions or 0)


def test_figures_are_skewed(world: World) -> None:
    last = {row.post_id: row.impressions or 0 for row in world.observations if row.platform == "facebook"}
    values = sorted(last.values())
    assert values[-1] > 8 * values[len(values) // 2]


def test_what_goes_wrong_on_purpose(world: World) -> None:
    throttled = [account for account in world.accounts if account.rate_limit_after is not None]
    assert [(each.platform, each.rate_limit_seconds, each.rate_limit_once) for each in throttled] == [
        ("twitter", 20.0, True)
    ]
    assert [each.platform for each in world.accounts if each.token_state == "expired"] == ["instagram"]
    (deleted,) = [post for post in world.posts if post.deleted_at]
    assert (deleted.platform, deleted.deleted_at) == ("twitter", NOW + timedelta(minutes=10))
    assert deleted.external_id != throttled[0].external_id
    assert (NOW - deleted.published_at).days == 119
    assert world.facebook.retired_metrics == ["post_video_views"]


def test_size_is_asked_for() -> None:
    world = generate_world(7, NOW, businesses=7, days=3, posts_per_day=2)
    assert len(world.posts) == 7 * 4 * 6 + sum(post.post_type == "story" for post in world.posts)
    assert len({account.business for account in world.accounts}) == 7


@pytest.mark.parametrize("wrong", [{"businesses": 0}, {"days": 0}, {"now": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least one|time zone"):
        generate_world(**{"seed": 1, "now": NOW, **wrong})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_settings_to_paste_and_stops_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "a world"
    code = (
        "from pathlib import Path; from analytics_pipeline.sandbox.command import run; "
        f"run(None, '127.0.0.1', 0, 3, Path({str(folder)!r}))"
    )
    with subprocess.Popen([sys.executable, "-W", "error", "-c", code], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        settings = {}
        for line in process.stdout:
            if line.startswith("export "):
                name, _, url = line.removeprefix("export ").strip().partition("=")
                settings[name] = url
            if len(settings) == 5:
                break
        hosts = {f"{name}_BASE_URL" for name in ("LINKEDIN", "TWITTER", "FACEBOOK", "INSTAGRAM")}
        assert settings.keys() == hosts | {"LINKEDIN_OAUTH_URL"}
        assert requests.get(settings["TWITTER_BASE_URL"] + "/2/users/me", timeout=5).status_code == 401
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert load_world(folder).name == "demo-3"


def test_no_two_posts_of_many_accounts_share_an_id() -> None:
    """Each Instagram account has a story of the same second."""
    world = generate_world(2, NOW, businesses=40, days=1)
    assert len({(post.platform, post.post_id) for post in world.posts}) == len(world.posts)
