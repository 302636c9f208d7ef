"""The error table of both Meta platforms, row by row (facebook.md §5)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.graph_errors import GRAPH_ERRORS, TooMuchDataError, ends_account, error_from
from tests.platform_fetchers.graph_fake import error

ROWS = [
    pytest.param(1, None, "Please reduce the amount of data you're asking for, then retry", TooMuchDataError, id="1"),
    pytest.param(1, None, "An unknown error occurred", TransientError, id="1 unknown"),
    pytest.param(2, None, "Service temporarily unavailable", TransientError, id="2"),
    pytest.param(3, None, "(#3) Capability", PermissionDeniedError, id="3"),
    pytest.param(
        10, None, "This endpoint requires the 'pages_read_user_content' permission", PermissionDeniedError, id="10"
    ),
    *[pytest.param(n, None, "Permissions error", PermissionDeniedError, id=str(n)) for n in (200, 230, 299)],
    *[
        pytest.param(n, None, f"(#{n}) limit reached", RateLimitError, id=str(n))
        for n in (4, 17, 32, 341, 613, *range(80000, 80007))
    ],
    pytest.param(613, 1996, "inconsistent request volume", RateLimitError, id="613/1996"),
    pytest.param(100, None, "(#100) The value must be a valid insights metric", MetricError, id="100 metric"),
    pytest.param(
        100,
        None,
        "(#100) Tried accessing nonexisting field (insights) on node type (Video)",
        MetricError,
        id="100 field",
    ),
    pytest.param(100, 33, "Unsupported get request. Object with ID 'X' does not exist", PostNotFoundError, id="100/33"),
    pytest.param(100, 33, "", PostNotFoundError, id="100/33 without a text"),
    pytest.param(100, None, "Unsupported get request.", PostNotFoundError, id="100 without 33"),
    pytest.param(
        100, None, "API calls from the server require an appsecret_proof argument", ConfigurationError, id="100 proof"
    ),
    pytest.param(
        100, None, "Invalid appsecret_proof provided in the API argument", ConfigurationError, id="100 wrong proof"
    ),
    pytest.param(100, None, "(#100) Param limit must be at most 100", ConfigurationError, id="100 parameter"),
    pytest.param(102, None, "Session key invalid", InvalidTokenError, id="102"),
    pytest.param(190, None, "Invalid OAuth access token.", InvalidTokenError, id="190"),
    *[
        pytest.param(190, n, "Error validating access token", InvalidTokenError, id=f"190/{n}")
        for n in (458, 459, 460, 463, 464, 466, 467, 492)
    ],
    pytest.param(
        190, None, "(#190) This method must be called with a Page Access Token", InvalidTokenError, id="190 person"
    ),
    pytest.param(
        210,
        None,
        "(#210) A page access token is required to request this resource.",
        InvalidTokenError,
        id="210 person",
    ),
    pytest.param(104, None, "Incorrect signature", ConfigurationError, id="104"),
    pytest.param(2500, None, "Unknown path components: /x", ConfigurationError, id="2500"),
    pytest.param(3001, 1504028, "No metric was specified to be fetched.", ConfigurationError, id="3001"),
    pytest.param(803, None, "(#803) Some of the aliases you requested do not exist: X", PostNotFoundError, id="803"),
    pytest.param(368, None, "temporarily blocked for policies violations", PermissionDeniedError, id="368"),
    pytest.param(506, None, "Duplicate status message", ConfigurationError, id="506"),
    pytest.param(987654, None, "never seen", UnknownReplyError, id="unknown"),
]


@pytest.mark.parametrize(("code", "subcode", "message", "expected"), ROWS)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_each_row_of_the_table_whatever_the_status_and_type(
    code: int, subcode: int | None, message: str, expected: type[PlatformAPIError], status: int
) -> None:
    _, body = error(code, message, subcode, type="GraphMethodException")
    made = error_from("facebook", body, status, GRAPH_ERRORS, lambda text: text)
    assert type(made) is expected
    assert made.status_code == status
    assert message in made.message
    assert f"code {code}" in made.message


def test_a_persons_token_in_place_of_the_pages_is_named() -> None:
    for code, text in ((190, "must be called with a Page Access Token"), (210, "A page access token is required")):
        made = error_from("facebook", error(code, text)[1], 400, GRAPH_ERRORS, str)
        assert "the token of a person" in made.message


@pytest.mark.parametrize(
    ("code", "subcode", "text", "told"),
    [
        (190, 458, "", "app was removed from the account. Connect the account again."),
        (190, 459, "", "log in at facebook.com and answer its checkpoint"),
        (190, 460, "", "password was changed. Connect the account again."),
        (190, 463, "", "token has expired. Connect the account again."),
        (190, 464, "", "confirm their account at facebook.com"),
        (190, 466, "", "token was revoked. Connect the account again."),
        (190, 467, "", "logged out. Connect the account again."),
        (190, 492, "", "session was lost. Connect the account again."),
        (190, None, "", "Connect the account again."),
        (102, None, "", "Connect the account again."),
        (10, None, "", "figures need read_insights"),
        (200, None, "", "The permission named must be granted."),
        (368, None, "", "breach of its policies"),
        (100, None, "Invalid appsecret_proof", "FACEBOOK_CLIENT_SECRET must be the secret of the app"),
        (100, None, "Param limit", "please report it"),
    ],
)
def test_people_are_told_what_to_do(code: int, subcode: int | None, text: str, told: str) -> None:
    assert told in error_from("facebook", error(code, text, subcode)[1], 400, GRAPH_ERRORS, str).message


def test_a_transient_flag_is_believed_but_not_over_a_throttle_or_a_dead_token() -> None:
    def made(code: int) -> PlatformAPIError:
        return error_from("facebook", error(code, "x", is_transient=True)[1], 400, GRAPH_ERRORS, str)

    assert type(made(100)) is TransientError
    assert type(made(4)) is RateLimitError
    assert type(made(190)) is InvalidTokenError


@pytest.mark.parametrize("body", [None, [], "<html>", {"error": "text"}, {"data": []}])
def test_an_error_without_envelope_passes_by_itself(body: Any) -> None:
    made = error_from("facebook", body, 502, GRAPH_ERRORS, str)
    assert type(made) is TransientError
    assert made.status_code == 502


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
        max_leaves=8,
    )
)
def test_no_envelope_breaks_the_reading_of_errors(value: Any) -> None:
    for body in (value, {"error": value}, {"error": {"code": value, "message": value, "error_subcode": value}}):
        assert isinstance(error_from("facebook", body, 400, GRAPH_ERRORS, str), PlatformAPIError)


def test_what_each_post_refuses_ends_the_account_and_what_one_refuses_does_not() -> None:
    denied, gone = PermissionDeniedError("no"), PostNotFoundError("gone")
    assert ends_account([denied, denied]) is denied
    assert ends_account([denied, {}]) is None
    assert ends_account([gone, gone]) is None
    assert ends_account([denied]) is denied
    assert ends_account([denied], one_is_enough=False) is None
    assert ends_account([]) is None
    throttled, dead = RateLimitError("slow"), InvalidTokenError("dead")
    assert ends_account([{}, gone, throttled]) is throttled
    assert ends_account([{}, gone, dead]) is dead
