"""Listing an account's posts, and the account's own daily figures: what the platform is asked without knowing a post.

Here: from call to commit, page by page. Not here: reading figures of known posts (`reading.py`).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.orm import Session

from analytics_pipeline.database import day_writes, writes
from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError
from analytics_pipeline.platform_fetchers.metrics import ListedPost
from analytics_pipeline.sync import figures, ledger, plan, workers
from analytics_pipeline.sync.ahead import ahead
from analytics_pipeline.sync.ledger import Failure
from analytics_pipeline.sync.work import AccountResult, AccountWork

_log = logging.getLogger(__name__)


def list_posts(work: AccountWork, first: date, last: date, *, asked_once: bool = False) -> AccountResult:
    """Finds the posts of `first` to `last` and stores them page by page; figures that come along are stored too.

    A listing that fails leaves its days in the ledger, due again, waiting or for a person, as the failure says; but not
    the newest, where all their posts were listed before it. One that another process keeps from beginning leaves the
    ledger to that process; days that nobody asks for a second time (`asked_once`) are owed then, if they are not known.
    """
    try:
        with work.alone():
            return _list_posts(work, first, last)
    except workers.AccountBusyError as error:
        if asked_once:
            with Session(work.engine) as session, session.begin():
                if work.is_there(session):
                    ledger.owe_listing(session, work.account.id, work.account.platform, first, last)
        return _busy(work, f"{error}; its posts were not listed")


def _list_posts(work: AccountWork, first: date, last: date) -> AccountResult:
    failure = work.blocked()
    if failure is not None:
        return _failed(work, first, last, AccountResult(work.account), failure)
    began, found, new = work.clock(), 0, 0
    with work.fetcher() as fetcher:
        try:
            with ahead(fetcher.list_posts(_midnight(first), _midnight(last + timedelta(days=1)))) as pages:
                for page in pages:
                    with Session(work.engine) as session, session.begin():
                        upserted = _store_page(session, work, page, fetcher.answering_version)
                    found, new = found + len(page), new + upserted.inserted
        except Exception as error:  # noqa: BLE001  # one account never costs another
            failure = work.failure_of(error)
            result = AccountResult(work.account, found, new, fetcher.usage)
            # What the platform refuses comes after the pages before it: they are stored.
            since = fetcher.listed_since if isinstance(error, PlatformAPIError) else None
            unlisted_until = last if since is None else max(min(since.astimezone(UTC).date(), last), first)
            if unlisted_until < last:
                with Session(work.engine) as session, session.begin():
                    ledger.register_listing(session, work.account.id, unlisted_until + timedelta(days=1), last)
                    work.note_listed(session, unlisted_until + timedelta(days=1), last, began)
            return _failed(work, first, unlisted_until, result, failure)
        usage, note = fetcher.usage, fetcher.unlisted
    if note:
        _log.warning("%s: %s", work.account.name, note)
    with Session(work.engine) as session, session.begin():
        ledger.register_listing(session, work.account.id, first, last)
        work.note_outcome(session, None)
        work.note_listed(session, first, last, began)
    return AccountResult(work.account, found, new, usage, note=note)


def read_account_days(work: AccountWork, first: date, last: date) -> AccountResult:
    """Stores the account-level figures of the UTC days `first` to `last`, as far as the platform keeps them."""
    try:
        with work.alone():
            return _read_account_days(work, first, last)
    except workers.AccountBusyError as error:
        return _busy(work, f"{error}; its figures were not read")


def _read_account_days(work: AccountWork, first: date, last: date) -> AccountResult:
    failure = work.blocked()
    if failure is not None:
        return AccountResult(work.account, failure=failure)
    with work.fetcher() as fetcher:
        try:
            days = fetcher.fetch_account_days(first, last)
        except Exception as error:  # noqa: BLE001  # one account never costs another
            with Session(work.engine) as session, session.begin():
                failure = _note_token(session, work, work.failure_of(error))
            return AccountResult(work.account, usage=fetcher.usage, failure=failure)
        usage, incomplete, note = fetcher.usage, fetcher.incomplete, fetcher.unlisted
    if note:
        _log.warning("%s: %s", work.account.name, note)
    with Session(work.engine) as session, session.begin():
        failure = _note_token(session, work, work.failure_of(incomplete)) if incomplete else None
        day_writes.store_account_days(
            session,
            [
                day_writes.AccountDayRow(work.account.id, day.day, work.account.platform, day.metrics, work.clock())
                for day in days
            ],
        )
    return AccountResult(work.account, found=len(days), usage=usage, failure=failure, note=note)


def _note_token(session: Session, work: AccountWork, failure: Failure) -> Failure:
    """A refused token ends all work on the account. Permissions of its own figures are others than those of posts.

    Gives the failure as it is to be told.
    """
    failure = work.as_of_now(session, failure)
    if failure.error_class == "token":
        work.note_outcome(session, failure)
    return failure


def _busy(work: AccountWork, message: str) -> AccountResult:
    _log.warning("%s", message)
    return AccountResult(work.account, failure=Failure("transient", message))


def _store_page(
    session: Session, work: AccountWork, page: Sequence[ListedPost], api_version: str | None
) -> writes.UpsertedPosts:
    account = work.account
    upserted = writes.upsert_posts(
        session,
        [
            writes.PostRow(
                business_id=account.business_id,
                social_account_id=account.id,
                platform=account.platform,
                platform_post_id=post.platform_post_id,
                platform_post_url=post.platform_post_url,
                post_type=post.post_type,
                published_at=post.published_at,
            )
            for post in page
        ],
        tell=work.run_id is None,
    )
    for post_id, reason in upserted.refused:
        _log.warning("%s: post %s cannot be stored: %s", account.name, post_id, reason)
    read = [
        figures.ReadPost(upserted.ids[post.platform_post_id], post.reading)
        for post in page
        # One with an error is read by its id, even where it has some figures.
        if post.platform_post_id in upserted.ids and post.reading is not None and post.reading.error is None
    ]
    figures.store(session, account.platform, read, api_version, work.clock())
    return upserted


def _failed(work: AccountWork, first: date, last: date, result: AccountResult, failure: Failure) -> AccountResult:
    days = plan.days_between(first, last)
    with Session(work.engine) as session, session.begin():
        if not work.is_there(session):
            return replace(result, failure=failure)  # and its days are gone with it
        failure = work.as_of_now(session, failure)
        ledger.record_listing_failure(session, work.account.id, work.account.platform, days, failure, work.clock())
        work.note_outcome(session, failure)
    return replace(result, failure=failure)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
