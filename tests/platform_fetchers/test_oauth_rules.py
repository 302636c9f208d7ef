"""When a token is due, which settings a refresh needs, and what is read out of an answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import BadDataError
from analytics_pipeline.platform_fetchers.meta_oauth import InstagramOAuth
from analytics_pipeline.platform_fetchers.oauth import Credentials, Issued, issued_from, parse_seconds, read_given
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.oauth_apps import ACCESS, APPS, PLATFORMS, REFRESH, clock, held

Configure = Callable[..., None]

DAY = timedelta(days=1)


class TestSettings:
    def test_what_is_missing_is_named(self, configure: Configure) -> None:
        configure(**dict.fromkeys(APPS))
        named = {name: oauth(clock).missing(held()) for name, oauth in PLATFORMS.items()}
        assert named == {
            "linkedin": "LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET",
            "twitter": "TWITTER_CLIENT_ID",
            "facebook": "FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET",
            "instagram": "FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET",
        }
        assert InstagramOAuth(clock).missing(held(refresh_token=None)) == "", "Instagram login needs no app"
        configure(**APPS)
        assert {oauth(clock).missing(held()) for oauth in PLATFORMS.values()} == {""}

    def test_secrets_do_not_show_themselves(self, configure: Configure) -> None:
        configure(**APPS)
        shown = [repr(get_settings()), repr(held()), repr(Issued(ACCESS, REFRESH))]
        assert "CANARY" not in "".join(shown)


@pytest.mark.parametrize(
    ("platform", "refresh_token", "before_the_end", "due"),
    [
        ("linkedin", REFRESH, 7 * DAY + timedelta(seconds=1), False),
        ("linkedin", REFRESH, 7 * DAY, True),
        ("linkedin", REFRESH, -DAY, True),
        ("linkedin", None, timedelta(0), False),
        ("twitter", REFRESH, timedelta(minutes=15, seconds=1), False),
        ("twitter", REFRESH, timedelta(minutes=15), True),
        ("twitter", REFRESH, -DAY, True),
        ("twitter", None, timedelta(0), False),
        ("facebook", REFRESH, 7 * DAY + timedelta(seconds=1), False),
        ("facebook", REFRESH, 7 * DAY, True),
        ("facebook", REFRESH, -DAY, True),
        ("facebook", None, 7 * DAY, True),
        ("facebook", None, timedelta(0), False),  # an expired token cannot be exchanged
        ("instagram", None, 7 * DAY + timedelta(seconds=1), False),
        ("instagram", None, 7 * DAY, True),
        ("instagram", None, timedelta(0), False),
        ("instagram", REFRESH, timedelta(0), True),
    ],
)
def test_when_a_token_is_due(platform: str, refresh_token: str | None, before_the_end: timedelta, due: bool) -> None:
    assert PLATFORMS[platform](clock).due(held("7", refresh_token, NOW + before_the_end)) is due


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_token_whose_end_nobody_knows_is_left_alone(platform: str) -> None:
    assert not PLATFORMS[platform](clock).due(held())


def test_but_instagram_login_always_has_an_end(configure: Configure) -> None:
    configure(INSTAGRAM_BASE_URL="https://graph.instagram.com")
    assert InstagramOAuth(clock).due(held(refresh_token=None))
    assert not InstagramOAuth(clock).due(held(refresh_token=None, expires_at=NOW + 60 * DAY))


@pytest.mark.parametrize(("token", "due"), [("IGAAx", True), ("EAAx", False), ("whatever", False)])
def test_the_token_tells_its_login(token: str, due: bool, configure: Configure) -> None:
    configure(INSTAGRAM_BASE_URL=None)
    assert InstagramOAuth(clock).due(Credentials("7", token)) is due


def test_a_page_token_that_ends_is_exchanged_as_such(configure: Configure) -> None:
    configure(**dict.fromkeys(APPS))
    assert InstagramOAuth(clock).missing(Credentials("7", "EAAx")) == "FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET"
    assert InstagramOAuth(clock).missing(Credentials("7", "IGAAx")) == ""


class TestReading:
    @given(st.integers(1, 10**8) | st.floats(0.001, 10**8))
    def test_seconds_come_in_many_forms(self, seconds: float) -> None:
        assert parse_seconds(seconds) == seconds
        if isinstance(seconds, int):
            assert parse_seconds(str(seconds)) == parse_seconds(f" {seconds}.0 ") == seconds

    @given(st.none() | st.booleans() | st.text() | st.lists(st.integers()) | st.floats() | st.integers())
    def test_whatever_comes_is_a_sane_life_or_none(self, value: object) -> None:
        seconds = parse_seconds(value)
        assert seconds is None or 0 < seconds <= 10 * 366 * 86_400

    @pytest.mark.parametrize("value", [None, True, "", "soon", "-1", -1, 0, "1e9", 10**12, float("nan"), [7200], {}])
    def test_an_unusable_life_is_unknown(self, value: Any) -> None:
        body = {"access_token": ACCESS, "refresh_token": REFRESH, "expires_in": value}
        assert issued_from(body, NOW, "twitter") == Issued(ACCESS, REFRESH, None)

    @pytest.mark.parametrize(
        ("given", "scopes"),
        [
            ("rw_organization_admin,r_organization_social", "r_organization_social rw_organization_admin"),
            ("users.read tweet.read  offline.access", "offline.access tweet.read users.read"),
            ("a, b,a", "a b"),
            ("", None),
            (" , ", None),
            (None, None),
            (["a"], None),
        ],
    )
    def test_scopes_have_spaces_or_commas_between_them(self, given: Any, scopes: str | None) -> None:
        assert issued_from({"access_token": ACCESS, "scope": given}, NOW, "linkedin").scopes == scopes

    def test_what_a_person_gives(self) -> None:
        at = datetime(2026, 9, 1, tzinfo=UTC)
        answer = f'{{"access_token": "{ACCESS}", "refresh_token": "{REFRESH}", "expires_in": "7200"}}\n'
        assert read_given(f" {ACCESS}\n", at, "twitter") == Issued(ACCESS)
        assert read_given(answer, at, "twitter") == Issued(ACCESS, REFRESH, at + timedelta(hours=2))
        for broken in ("{", '{"token": "x"}', '{"access_token": null}'):
            with pytest.raises(BadDataError):
                read_given(broken, at, "twitter")
