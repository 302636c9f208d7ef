"""A person gives an account another token, or removes it, while the one before it is in use."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PostAnalytics, RetiredMetric, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers.exceptions import InvalidTokenError, PermissionDeniedError, PlatformAPIError
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.sandbox.tokens import Token
from analytics_pipeline.sync import ledger, retired
from analytics_pipeline.sync.accounts import connect, disconnect
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.sync.token_world import IDS, LINKEDIN, MINUTE, NOW, TokenWorld, X, running

LOCK_WAITED_FOR = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
)
REFUSED = Answer(400, json={"error": "invalid_grant"})
GIVEN = Answer(json={"access_token": "new", "refresh_token": "next", "expires_in": 7200, "scope": "tweet.read"})


def started(world: TokenWorld, person: threading.Thread) -> None:
    """Starts it; returns once it has ended, or waits for a lock."""
    person.start()
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while person.is_alive() and not connection.scalar(LOCK_WAITED_FOR):
            time.sleep(0.01)


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts 1 to 4 on four platforms; tokens have no known end until the test says so."""
    with running(engine, monkeypatch) as world:
        yield world


@pytest.fixture
def while_refreshed(world: TokenWorld) -> Iterator[Callable[[Callable[[Session], object], Answer], None]]:
    """Does something to the accounts while X is asked for a token; X answers once that waits for the row's lock."""
    with PlatformServer() as server:
        world.configure(TWITTER_BASE_URL=server.url)

        def play(act: Callable[[Session], object], answer: Answer) -> None:
            def in_another_process() -> None:
                with Session(world.engine) as session, session.begin():
                    act(session)

            person = threading.Thread(target=in_another_process)

            def answered(_: Request) -> Answer:
                started(world, person)
                return answer

            server.answer = answered
            try:
                world.tokens(X).renewed("CANARY-access-twitter", ask=True)
            except PlatformAPIError:
                assert answer is REFUSED
            person.join()

        yield play


class TestWhileItsTokenIsRefreshed:
    @pytest.mark.parametrize("answer", [REFUSED, GIVEN], ids=["in vain", "with success"])
    def test_the_account_has_what_the_person_gave_and_nothing_of_the_other(
        self, world: TokenWorld, while_refreshed: Callable[..., None], answer: Answer
    ) -> None:
        def give(session: Session) -> None:
            connect(session, session.get_one(Business, 1), "twitter", IDS["twitter"], "given-by-a-person")

        while_refreshed(give, answer)
        row = world.row(X)
        assert (row.status, row.status_reason) == ("connected", None)
        assert (row.access_token, row.refresh_token) == ("given-by-a-person", None)
        assert (row.token_expires_at, row.scopes) == (None, None), "those of the other token"

    def test_one_that_is_removed_keeps_nothing(self, world: TokenWorld, while_refreshed: Callable[..., None]) -> None:
        while_refreshed(lambda session: disconnect(session, X), GIVEN)
        row = world.row(X)
        assert (row.status, row.access_token, row.refresh_token, row.token_expires_at) == (
            "disconnected", None, None, None,
        )  # fmt: skip


def test_what_a_session_has_seen_of_the_account_before_is_not_taken_for_its_present_state(world: TokenWorld) -> None:
    with Session(world.engine) as session, session.begin():
        seen = session.get_one(SocialAccount, X)
        world.change(X, status="needs_reauth", status_reason="revoked")
        assert seen.status == "connected"
        connect(session, session.get_one(Business, 1), "twitter", IDS["twitter"], "given-by-a-person")
    assert (world.row(X).status, world.row(X).status_reason) == ("connected", None)


def test_nor_when_it_is_removed(world: TokenWorld) -> None:
    with Session(world.engine) as session, session.begin():
        seen = session.get_one(SocialAccount, X)
        world.change(X, refresh_token="next", token_expires_at=NOW)
        assert seen.token_expires_at is None
        disconnect(session, X)
    row = world.row(X)
    assert (row.access_token, row.refresh_token, row.token_expires_at) == (None, None, None)


FIRST, LAST = date(2026, 9, 29), date(2026, 9, 30)


def run(world: TokenWorld, platform: str) -> None:
    """Lists and reads two days, as a Dagster run does."""
    with Session(world.engine) as session:
        service = world.service(session)
        list(service.list_posts(platform, FIRST, LAST))
        list(service.read_days(platform, FIRST, LAST))


def given(world: TokenWorld, account: int, *scopes: str) -> Token:
    """A person consents once more, to these scopes or to everything, and connects the account with the new token."""
    owner = world.sandbox.state.world.accounts[account - 1]
    token = world.sandbox.state.tokens.issue(owner, world.now(), 7200, scopes=frozenset(scopes) or None)
    with Session(world.engine) as session, session.begin():
        connect(session, session.get_one(Business, 1), owner.platform, owner.external_id, token.value)
    return token


@pytest.mark.parametrize("call", ["list_posts", "fetch_many"])
@pytest.mark.parametrize("refusal", [PermissionDeniedError, InvalidTokenError])
def test_what_the_token_before_was_refused_is_not_held_against_the_new_one(
    world: TokenWorld, call: str, refusal: type[PlatformAPIError]
) -> None:
    def refused(_fetcher: TwitterAnalyticsFetcher, *_: object) -> Iterator[object]:
        yield from ()
        given(world, X)
        raise refusal("twitter: a scope is missing", "twitter", 403)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TwitterAnalyticsFetcher, call, refused)
        if call == "list_posts":
            with Session(world.engine) as session:
                list(world.service(session).list_posts("twitter", FIRST, LAST))
        else:
            run(world, "twitter")
    assert (world.row(X).status, world.row(X).status_reason) == ("connected", None)
    with Session(world.engine) as session:
        unit = session.get_one(SyncUnit, (X, FIRST))
        assert (unit.state, unit.error_class) == ("waiting", "transient")
        assert "another token" in str(unit.error_message)
    world.sandbox.clock.advance(MINUTE.total_seconds())
    run(world, "twitter")
    with Session(world.engine) as session:
        assert session.get_one(SyncUnit, (X, FIRST)).state == "done"


@pytest.mark.parametrize(("call", "write"), [("list_posts", "record_listing_failure"), ("fetch_many", "finish")])
def test_nor_where_the_new_one_comes_just_before_that_is_written(world: TokenWorld, call: str, write: str) -> None:
    def refused(_fetcher: TwitterAnalyticsFetcher, *_: object) -> Iterator[object]:
        yield from ()
        raise InvalidTokenError("twitter: the token was revoked", "twitter", 401)

    def late(*args: object) -> None:
        started(world, person)
        written(*args)

    written, person = getattr(ledger, write), threading.Thread(target=given, args=(world, X))
    with pytest.MonkeyPatch.context() as patch, Session(world.engine) as session:
        patch.setattr(TwitterAnalyticsFetcher, call, refused)
        patch.setattr(ledger, write, late)
        service = world.service(session)
        list(service.list_posts("twitter", FIRST, LAST))
        if call == "fetch_many":
            list(service.read_days("twitter", FIRST, LAST))
        person.join()
    assert (world.row(X).status, world.row(X).status_reason) == ("connected", None)
    with Session(world.engine) as session:
        assert session.get_one(SyncUnit, (X, FIRST)).state == "due"
    run(world, "twitter")
    with Session(world.engine) as session:
        assert session.get_one(SyncUnit, (X, FIRST)).state == "done"


FEW = ("r_organization_social", "rw_organization_admin")
ALL_OF_THEM = (*FEW, "r_organization_social_feed")
NO_REACTIONS = ["socialMetadata", "socialMetadata.BATCH_GET"]


def left_out(world: TokenWorld) -> list[str]:
    """What is not asked for, for a day, of the account on LinkedIn."""
    with Session(world.engine) as session:
        return list(session.scalars(select(RetiredMetric.metric).where(RetiredMetric.scope == str(LINKEDIN))))


def reactions(world: TokenWorld) -> list[int | None]:
    """What a run reads."""
    run(world, "linkedin")
    with Session(world.engine) as session:
        return list(session.scalars(select(PostAnalytics.reactions_count)))


@pytest.mark.parametrize("when", ["between two runs", "while one reads"])
def test_what_the_token_before_might_not_see_is_asked_for_with_the_new_one(world: TokenWorld, when: str) -> None:
    read = LinkedInAnalyticsFetcher.fetch_many

    def and_then(fetcher: LinkedInAnalyticsFetcher, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        yield from read(fetcher, posts)
        given(world, LINKEDIN, *ALL_OF_THEM)

    given(world, LINKEDIN, *FEW)
    with pytest.MonkeyPatch.context() as patch:
        if when == "while one reads":
            patch.setattr(LinkedInAnalyticsFetcher, "fetch_many", and_then)
        assert reactions(world) == [None]
    if when == "between two runs":
        given(world, LINKEDIN, *ALL_OF_THEM)
    assert reactions(world) == [5]


@pytest.mark.parametrize("known", [True, False], ids=["since an earlier run", "since this run"])
@pytest.mark.parametrize("scopes", [ALL_OF_THEM, FEW], ids=["more", "the same"])
def test_nor_is_it_held_against_one_that_the_run_goes_on_with(
    world: TokenWorld, scopes: tuple[str, ...], known: bool
) -> None:
    read = LinkedInAnalyticsFetcher.fetch_many

    def with_both(fetcher: LinkedInAnalyticsFetcher, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        assert [r.analytics["reactions_count"] for r in read(fetcher, posts) if r.analytics] == [None]
        given(world, LINKEDIN, *scopes)
        before.state = "expired"
        yield from read(fetcher, posts)

    before = given(world, LINKEDIN, *FEW)
    if known:
        assert reactions(world) == [None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LinkedInAnalyticsFetcher, "fetch_many", with_both)
        assert reactions(world) == [5 if scopes is ALL_OF_THEM else None]
    assert left_out(world) == ([] if scopes is ALL_OF_THEM else NO_REACTIONS)


def test_nor_where_the_new_one_comes_just_before_that_is_remembered(world: TokenWorld) -> None:
    def late(session: Session, platform: str, scope: str, *args: Any) -> None:
        if scope != retired.APP:
            started(world, person)
        remember(session, platform, scope, *args)

    remember, person = retired.remember, threading.Thread(target=given, args=(world, LINKEDIN, *ALL_OF_THEM))
    given(world, LINKEDIN, *FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retired, "remember", late)
        assert reactions(world) == [None]
    person.join()
    assert left_out(world) == []
    assert reactions(world) == [5]
