"""What every kind of work on one account shares: its fetcher, its clock, and what a failure means for it.

Here: one account in one run. Not here: listing (`listing.py`), reading (`reading.py`), states of units (`ledger.py`).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import partial
from traceback import format_exception
from typing import Any, cast

from sqlalchemy import Engine, Table, func, or_, select, update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.http import redact
from analytics_pipeline.platform_fetchers.usage import NOTHING_USED, Usage
from analytics_pipeline.sync import billing, media, retired, workers
from analytics_pipeline.sync.ledger import Failure
from analytics_pipeline.sync.plan import Account
from analytics_pipeline.sync.quota import SharedQuota
from analytics_pipeline.sync.stored_tokens import SHUT, stored_tokens
from analytics_pipeline.sync.tokens import AccountTokens

_log = logging.getLogger(__name__)

# The ORM's own updates look for objects that hold the rows.
_accounts = cast(Table, SocialAccount.__table__)

FetcherFactory = Callable[[Account], BasePlatformFetcher]


@dataclass(frozen=True, slots=True)
class AccountResult:
    """How a listing, or a reading of account figures, of one account ended: posts or days `found`, posts `new` to us."""

    account: Account
    found: int = 0
    new: int = 0
    usage: Usage = NOTHING_USED
    failure: Failure | None = None
    note: str | None = None
    """What the platform may have kept back, for people."""


@dataclass(frozen=True, slots=True)
class AccountWork:
    """One account in one run. Makes its own sessions, since accounts are worked on side by side in threads.

    `clock` gives the moment (UTC) that readings and the ledger carry.
    """

    engine: Engine
    account: Account
    make_fetcher: Callable[[Account], BasePlatformFetcher]
    clock: Callable[[], datetime]
    run_id: str | None = None
    calling: AbstractContextManager[Any] = field(default_factory=nullcontext, repr=False)
    """Held during a call of the platform: how the accounts of one run share the calls that may be under way at once."""
    secrets: set[str] = field(default_factory=set, repr=False)
    """The tokens that this work has had in its hands: they come and go while it lasts."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps every other process from the account: two would pay for the same calls, and count them twice.

        Raises AccountBusyError where another process keeps it for too long.
        """
        with self.engine.connect() as connection, workers.account_lock(connection, self.account.id):
            yield

    @contextmanager
    def fetcher(self) -> Iterator[BasePlatformFetcher]:
        """The account's fetcher, on the quota that all processes share, with a token that is refreshed when due.

        It is told what is known of retired metrics and billed reads; what it has learnt and used is kept at the end.
        """
        fetcher = self.make_fetcher(self.account)
        tokens = AccountTokens(self.engine, self.account.id, self.account.platform, self.clock, self.secrets)
        fetcher.tokens = tokens
        fetcher.calling = self.calling
        fetcher.quota = SharedQuota(self.engine, self.account.platform, self.account.quota_id, fetcher.app)
        platform, own = self.account.platform, str(self.account.id)
        with Session(self.engine) as session:
            dead, denied = retired.known(session, platform, (retired.APP, own), self.clock()).values()
            billed = billing.billed_reads(session, self.account.id, self.clock())
            owners = media.owners(session, self.account.id)
        fetcher.dead_metrics |= dead
        fetcher.searching = partial(retired.search, self.engine, platform, fetcher.dead_metrics, dead, self.clock)
        fetcher.denied_metrics |= denied

        def ask_for_all_again() -> None:
            denied.clear()
            fetcher.denied_metrics.clear()

        tokens.replaced = ask_for_all_again
        fetcher.billed |= billed
        fetcher.media_owners |= owners
        try:
            yield fetcher
        finally:
            fetcher.close()
            with Session(self.engine) as session, session.begin():
                retired.remember(session, platform, retired.APP, fetcher.dead_metrics - dead, self.clock())
                if self.is_there(session):
                    if (refused := fetcher.denied_metrics - denied) and not self._has_another_token(session):
                        retired.remember(session, platform, own, refused, self.clock())
                    media.remember(session, self.account.id, owners, fetcher.media_owners)
                    learnt = fetcher.billed - billed
                    billing.record(session, self.account, fetcher.usage, learnt, self.run_id, self.clock())

    def is_there(self, session: Session) -> bool:
        """Whether nobody has removed the account meanwhile; nobody does before the transaction ends."""
        row = select(_accounts.c.id).where(_accounts.c.id == self.account.id).with_for_update(read=True, key_share=True)
        return session.scalar(row) is not None

    def blocked(self) -> Failure | None:
        """Why the account must not be called at all: it needs a person. What is throttled is held by its quota.

        A key that does not open the token is no fault of the account's, and may be mended any time: a passing one. An id
        that cannot be one, or a setting that is wrong, is told before anything is asked.
        """
        state = select(_accounts.c.status, _accounts.c.status_reason).where(_accounts.c.id == self.account.id)
        with self.engine.connect() as connection:  # anew: the listing of this very run may have found it out
            row = connection.execute(state).one_or_none()
        if row is None:
            return Failure("token", "the account was removed")
        if self.account.shut:
            return Failure("transient", SHUT)
        if row.status != "connected":
            return Failure(self._what_is_missing(), row.status_reason or "connect the account again")
        try:
            self.make_fetcher(self.account).close()
        except ConfigurationError as error:
            return Failure(error.error_class, error.message)
        return None

    def _what_is_missing(self) -> str:
        """Token or permission: the class of the failure that made the account wait for a person."""
        units = SyncUnit.__table__.c
        last = (
            select(units.error_class)
            .where(units.social_account_id == self.account.id, units.state == "needs_reauth")
            .order_by(units.updated_at.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            return connection.scalar(last) or "token"

    def failure_of(self, error: Exception) -> Failure:
        """What `error` means; an unexpected one is logged whole and treated as passing."""
        if isinstance(error, PlatformAPIError):
            retry_after = error.retry_after if isinstance(error, RateLimitError | TransientError) else None
            return Failure(error.error_class, self.safe(error.message), retry_after)
        # As text: a traceback may hold tokens that only this work knows.
        _log.error("unexpected fault while syncing %r\n%s", self.account, self.safe("".join(format_exception(error))))
        said = str(error).partition("\n")[0]  # a fault of the database goes on with the statement and all its rows
        return Failure("transient", self.safe(f"unexpected {type(error).__name__}: {said}"))

    def as_of_now(self, session: Session, failure: Failure) -> Failure:
        """What `failure` means when the transaction writes it; nobody connects the account before that ends.

        What the token is refused that this work was done with says nothing of one that was stored meanwhile.
        """
        if failure.error_class in ("token", "permission") and self._has_another_token(session):
            return Failure(
                "transient", f"{self.account.name} was given another token meanwhile: that one is tried next"
            )
        return failure

    def _has_another_token(self, session: Session) -> bool:
        """Whether the account is connected with a token that this work has never had in its hands; locks its row."""
        row = select(_accounts.c.status).where(_accounts.c.id == self.account.id).with_for_update(key_share=True)
        if session.scalar(row) != "connected":
            return False
        access = stored_tokens(session, [self.account.id])[self.account.id].access
        return access is not None and access not in {self.account.access_token, *self.secrets}

    def note_outcome(self, session: Session, failure: Failure | None) -> None:
        """Keeps on the account when it was last synced, or that it needs a person and why."""
        account = update(_accounts).where(_accounts.c.id == self.account.id)
        if failure is None:
            session.execute(account.values(last_sync=self.clock()))
        elif failure.error_class in ("token", "permission"):
            connected = account.where(_accounts.c.status == "connected")  # not one that was disconnected meanwhile
            session.execute(connected.values(status="needs_reauth", status_reason=failure.message))

    def note_listed(self, session: Session, first: date, last: date, began: datetime) -> None:
        """After a listing that began at that moment and told of `first` to `last`: up to then, all posts are known.

        Not where it ends before today, or leaves a gap behind the one before. Days that the ledger owes are none.
        """
        if last >= began.astimezone(UTC).date():
            known = _accounts.c.listed_at
            session.execute(
                update(_accounts)
                .where(
                    _accounts.c.id == self.account.id,
                    or_(known.is_(None), known >= datetime.combine(first, time.min, UTC)),
                )
                .values(listed_at=func.greatest(known, began))
            )

    def safe(self, text: str) -> str:
        """`text` without secrets, and without what PostgreSQL cannot store."""
        return redact(text, self.account.access_token, *self.secrets)
