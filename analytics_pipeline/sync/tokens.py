"""Tokens that stay fresh: refreshed shortly before their end, and once when refused, by one process at a time.

Here: the row lock, storing the new pair before anybody uses it, what a failed refresh means for the account. Not here:
how a platform is asked (platform_fetchers/oauth.py and its kin).
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from traceback import format_exception
from typing import Final

from sqlalchemy import Engine, or_, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from analytics_pipeline.database.embedded import START_SECONDS
from analytics_pipeline.database.engine import DatabaseUnavailableError
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.http import redact
from analytics_pipeline.platform_fetchers.oauth import NOT_SET_UP, Credentials, Issued, OAuth
from analytics_pipeline.platform_fetchers.quota import DailyLimits
from analytics_pipeline.sync import ledger
from analytics_pipeline.sync.quota import SharedQuota
from analytics_pipeline.sync.stored_tokens import WITHOUT_TOKENS, tokens_to_use

_ENDPOINT: Final = "token"
"""The token endpoint among the endpoints of `api_quotas`, where its waits are kept."""

_NEW: Final = "new token"
"""There too: how long a new token is left alone. Not one that is refused: that a person is needed must come out."""

_RESTART: Final = timedelta(seconds=START_SECONDS) + timedelta(minutes=1)
"""A database that is started again is back after so long, also after a crash."""

_AFTER_FAULT: Final = timedelta(minutes=2)
_AFTER_WRONG_SETTINGS: Final = timedelta(hours=1)
_IS_UNSET: Final = f"{NOT_SET_UP}: set "
_FINAL: Final = (AuthenticationError, PermissionDeniedError)
"""Only a person can mend it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class AccountTokens:
    """The tokens of one account, for one worker: a TokenSource.

    `clock` is UTC. Every token that goes through its hands is put into `secrets`.
    """

    engine: Engine
    account_id: int
    platform: str
    clock: Callable[[], datetime]
    secrets: set[str] = field(default_factory=set, repr=False)
    replaced: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called where somebody else has stored another token than this worker had: it may be allowed other things."""
    _held: Credentials | None = field(default=None, init=False, repr=False)
    _given_up: bool = field(default=False, init=False)

    def current(self) -> str:
        """The account's token, refreshed where its end is near. A refresh that fails matters once the token has ended.

        Raises PlatformAPIError as `OAuth.refresh` does; the account then needs_reauth where only a person can help.
        """
        held = self._held or self._load()
        if self._given_up or not self._oauth.due(held):
            return held.access_token
        ended = held.expires_at is not None and held.expires_at <= self.clock()
        try:
            return self.refresh(self._oauth.due, dead=ended)
        except PlatformAPIError as error:
            if ended or isinstance(error, _FINAL):
                raise
            self._given_up = True  # within this worker's life, not for good
            level = logging.INFO if isinstance(error, RateLimitError) else logging.WARNING
            _log.log(level, "the token of account %d is not refreshed now: %s", self.account_id, error.message)
            return held.access_token

    def renewed(self, refused: str, *, ask: bool) -> str | None:
        """Another token in place of a refused one: the one that somebody else has stored meanwhile, or a refreshed one.

        None where the account holds nothing to refresh with, or no refresh is asked for. Raises as `current`.
        """
        held = self._load()
        if held.access_token != refused:
            return held.access_token
        if not ask or not self._oauth.means(held, refused=True):
            return None
        return self.refresh(lambda now_held: now_held.access_token == refused, dead=True)

    def refresh(self, wanted: Callable[[Credentials], bool], *, dead: bool) -> str:
        """Refreshes the token under the row's lock if it is still `wanted` then; gives the token that the row ends with.

        `dead` = the token does not work any more, so wrong settings are a person's business. Raises as `current`.
        """
        quota, now = SharedQuota(self.engine, self.platform, self.account_id), self.clock()
        held = [quota.take(endpoint, DailyLimits(), now) for endpoint in ((_ENDPOINT,) if dead else (_ENDPOINT, _NEW))]
        if until := max(filter(None, held), default=None):
            raise RateLimitError(
                f"{self.platform}: the token can be refreshed at {until:%Y-%m-%d %H:%M:%S} UTC again",
                self.platform,
                None,
                (until - now).total_seconds(),
            )
        before, outcome = self._ask_and_store(wanted, dead)
        if isinstance(outcome, PlatformAPIError):
            self._hold_after(quota, outcome)
            raise outcome
        if isinstance(outcome, Issued):
            _log.info("%s: the token of account %d is refreshed", self.platform, self.account_id)
            if pause := self._pause_after(outcome):
                quota.hold("account", _NEW, self.clock() + pause)
            return self._keep(_after(before, outcome)).access_token
        return before.access_token

    def _ask_and_store(
        self, wanted: Callable[[Credentials], bool], dead: bool
    ) -> tuple[Credentials, Issued | PlatformAPIError | None]:
        """What the row held, and what came of the refresh; None where none was needed any more.

        Between the platform's answer and the commit lies nothing but the UPDATE: with refresh tokens for one use, a
        process that dies there has lost the account's tokens.
        """
        issued: Issued | None = None
        try:
            with Session(self.engine) as session, session.begin():
                row = self._locked(session)
                held = self._found(row)
                if not wanted(held):
                    return held, None
                reason = row.status_reason or f"{self.platform}: the account is {row.status}"
                if row.status != "connected" and NOT_SET_UP not in reason:
                    return held, InvalidTokenError(reason, self.platform)
                try:
                    issued = self._issued(held, dead)
                except PlatformAPIError as error:
                    if isinstance(error, _FINAL):
                        row.status, row.status_reason = "needs_reauth", error.message
                    elif NOT_SET_UP in error.message:
                        row.status_reason = error.message  # while there is time to mend it
                    elif row.status == "connected" and _IS_UNSET in (row.status_reason or ""):
                        row.status_reason = None  # it is set by now
                    return held, error
                _store(session, row, issued)
        except DBAPIError:
            if issued is None:
                raise
            # The connection was lost while the platform was asked. The answer must not be lost with it.
            self._store_later(held, issued)
        return held, issued

    def _store_later(self, held: Credentials, issued: Issued) -> None:
        """Stores what came in place of what the row `held`, once the database, which may be starting again, takes it."""
        for attempt in Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_delay(_RESTART),
            wait=wait_fixed(1),
            reraise=True,
        ):
            with attempt, Session(self.engine) as session, session.begin():
                row = self._locked(session)
                if _credentials(row) == held:
                    _store(session, row, issued)

    def _issued(self, held: Credentials, dead: bool) -> Issued:
        try:
            if names := self._oauth.missing(held):
                raise ConfigurationError(f"{self.platform}: {_IS_UNSET}{names}", self.platform)
            return self._oauth.refresh(held)
        except ConfigurationError as error:
            if not dead or NOT_SET_UP not in error.message:
                raise
            advice = "; then start the pipeline again, or connect the account again"
            raise InvalidTokenError(
                f"{self.platform}: the token has ended. {error.message.removeprefix(f'{self.platform}: ')}{advice}",
                self.platform,
                error.status_code,
            ) from None

    def _hold_after(self, quota: SharedQuota, error: PlatformAPIError) -> None:
        """Keeps all processes from asking at once again."""
        if isinstance(error, RateLimitError):
            wait = ledger.THROTTLED_FOR if error.retry_after is None else timedelta(seconds=error.retry_after)
            quota.hold("app" if error.status_code == 429 else "account", _ENDPOINT, self.clock() + wait)
        elif NOT_SET_UP in error.message and error.status_code is not None:
            quota.hold("account", _ENDPOINT, self.clock() + _AFTER_WRONG_SETTINGS)
        elif not isinstance(error, (*_FINAL, ConfigurationError)):
            asked = error.retry_after if isinstance(error, TransientError) else None
            quota.hold("account", _ENDPOINT, self.clock() + max(_AFTER_FAULT, timedelta(seconds=asked or 0.0)))

    def _pause_after(self, issued: Issued) -> timedelta:
        """How long a new token is left alone: its least age; or half its life where that is so short that it is due."""
        left = None if issued.expires_at is None else issued.expires_at - self.clock()
        short = left / 2 if left is not None and left <= self._oauth.lead else timedelta(0)
        return max(short, self._oauth.least_age)

    @property
    def _oauth(self) -> OAuth:
        return FETCHERS[self.platform].oauth(self.clock)

    def _load(self) -> Credentials:
        with Session(self.engine) as session:
            return self._found(session.get_one(SocialAccount, self.account_id))

    def _locked(self, session: Session) -> SocialAccount:
        # Not FOR UPDATE, which would also hold up everybody who stores posts of the account.
        return session.get_one(SocialAccount, self.account_id, with_for_update={"key_share": True})

    def _found(self, row: SocialAccount) -> Credentials:
        found = _credentials(row)
        if self._held is not None and self._held.access_token != found.access_token:
            self.replaced()
        return self._keep(found)

    def _keep(self, held: Credentials) -> Credentials:
        self.secrets |= {held.access_token, held.refresh_token or ""} - {""}
        self._held = held
        return held


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one account's token; `failure` None = it is refreshed."""

    platform: str
    account: str
    failure: str | None = None


def refresh_due(engine: Engine, clock: Callable[[], datetime], seconds: float) -> Iterator[Refreshed]:
    """Refreshes what is due, of idle accounts too, the first to end first; begins no more after so many `seconds`.

    Also tried: accounts that need a person only because the app's settings were missing or wrong. Raises
    EncryptionKeyError as `tokens_to_use`.
    """
    began, now = time.monotonic(), clock()
    lead = max(fetcher.oauth.lead for fetcher in FETCHERS.values())
    with Session(engine) as session:
        rows = session.scalars(
            select(SocialAccount)
            .where(
                SocialAccount.is_active,
                SocialAccount.platform.in_(FETCHERS),
                or_(
                    (SocialAccount.status == "connected")
                    & (SocialAccount.token_expires_at.is_(None) | (SocialAccount.token_expires_at <= now + lead)),
                    (SocialAccount.status == "needs_reauth") & SocialAccount.status_reason.contains(NOT_SET_UP),
                ),
            )
            .order_by(SocialAccount.token_expires_at, SocialAccount.id)
            .options(*WITHOUT_TOKENS)
        ).all()
        stored = tokens_to_use(session, [row.id for row in rows])
    for row in rows:
        if time.monotonic() - began > seconds:
            return
        of_row = stored[row.id]
        if of_row.shut:
            continue  # doctor and status tell of it
        held = Credentials(row.external_id, of_row.access or "", of_row.refresh, row.token_expires_at)
        tokens = AccountTokens(engine, row.id, row.platform, clock)
        oauth = FETCHERS[row.platform].oauth(clock)
        set_up_now = row.status != "connected" and oauth.means(held, refused=True) and not oauth.missing(held)
        if set_up_now or (row.status == "connected" and oauth.due(held)):
            yield Refreshed(row.platform, row.display_name or row.external_id, _failure(tokens, held, clock()))


def _failure(tokens: AccountTokens, held: Credentials, now: datetime) -> str | None:
    """Why the refresh of what is `held` failed, None where it did not."""
    dead = held.expires_at is not None and held.expires_at <= now
    try:
        tokens.refresh(lambda now_held: now_held == held, dead=dead)
    except PlatformAPIError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  # one account never costs another
        trace = redact("".join(format_exception(error)), *tokens.secrets)
        _log.error("unexpected fault while refreshing the token of account %d\n%s", tokens.account_id, trace)
        return f"unexpected {type(error).__name__}"
    return None


def _may_pass(error: BaseException) -> bool:
    """Whether the database may take the same once it is back, or is no standby any more, rather than never."""
    final = isinstance(error, IntegrityError | DataError | ProgrammingError)
    return isinstance(error, DBAPIError | DatabaseUnavailableError) and not final


def _credentials(row: SocialAccount) -> Credentials:
    return Credentials(row.external_id, row.access_token or "", row.refresh_token, row.token_expires_at)


def _after(held: Credentials, issued: Issued) -> Credentials:
    return Credentials(
        held.external_id, issued.access_token, issued.refresh_token or held.refresh_token, issued.expires_at
    )


def _store(session: Session, row: SocialAccount, issued: Issued) -> None:
    after = _after(_credentials(row), issued)
    row.access_token, row.refresh_token, row.token_expires_at = (
        after.access_token,
        after.refresh_token,
        after.expires_at,
    )
    row.scopes, row.status_reason = issued.scopes or row.scopes, None
    if row.status != "connected":
        row.status = "connected"
        ledger.release(session, row.id)
