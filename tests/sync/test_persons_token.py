"""A Facebook account that was connected with the token of the person, not with the Page's own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.sync.token_world import DAY, FACEBOOK, NOW, TokenWorld, running

PERSON = "CANARY-refresh-facebook"
SINCE = (NOW - DAY).date()


@pytest.fixture
def here(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    with running(engine, monkeypatch) as world:
        yield world


def test_it_waits_for_somebody_and_says_what_to_give(here: TokenWorld, session: Session) -> None:
    here.change(FACEBOOK, access_token=PERSON, refresh_token=None)
    [listed] = here.service(session).list_posts("facebook", SINCE, SINCE)
    assert listed.failure is not None
    row = here.row(FACEBOOK)
    assert row.status == "needs_reauth"
    assert row.status_reason is not None
    assert "the token of a person: give the Page's own" in row.status_reason
    assert PERSON not in row.status_reason


def test_with_the_persons_token_beside_it_the_pages_is_fetched(here: TokenWorld, session: Session) -> None:
    here.change(FACEBOOK, access_token=PERSON)
    [listed] = here.service(session).list_posts("facebook", SINCE, SINCE)
    assert listed.failure is None
    row = here.row(FACEBOOK)
    assert (row.status, row.access_token) == ("connected", "CANARY-access-facebook")
