"""Connecting and disconnecting a business's accounts.

Here: rows of businesses and social accounts, and what a new token means for the ledger. Not here: OAuth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database import encryption
from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError
from analytics_pipeline.platform_fetchers.oauth import is_token
from analytics_pipeline.sync import ledger, retired
from analytics_pipeline.sync.errors import InvalidRequestError
from analytics_pipeline.sync.stored_tokens import WITHOUT_TOKENS

_EXTERNAL_ID = re.compile(r"[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """One line of `accounts list`."""

    account: SocialAccount
    business: str
    posts: int


def business_named(session: Session, name_or_id: str, *, create: bool = False) -> Business:
    """The business with this id or exact name; made when `create` and there is none. Raises InvalidRequestError."""
    matches: Sequence[Business] = session.scalars(select(Business).where(Business.name == name_or_id)).all()
    if not matches and name_or_id.isdecimal():
        found = session.get(Business, int(name_or_id))
        matches = [found] if found else []
        create = False
    if len(matches) > 1:
        raise InvalidRequestError(f"{len(matches)} businesses are named {name_or_id!r}: use the id")
    if matches:
        return matches[0]
    if not create or not name_or_id.strip():
        raise InvalidRequestError(f"there is no business {name_or_id!r}")
    business = Business(name=name_or_id.strip())
    session.add(business)
    session.flush()
    return business


def set_time_zone(session: Session, business: Business, name: str) -> None:
    """Weekdays and hours of the business's posting times are those of this zone, an IANA name, from their next build on.

    Raises InvalidRequestError for a name that is none, also for PostgreSQL's own spellings, such as `UTC+2` or `est`.
    """
    known = text("SELECT true FROM pg_timezone_names WHERE name = :name AND name !~ '^(posix|right|localtime|Factory)'")
    if not session.scalar(known, {"name": name}):
        raise InvalidRequestError(
            f"there is no time zone {name!r}: give business {business.id} an IANA name such as Europe/Berlin or UTC"
        )
    business.timezone = name


def check_identity(platform: str, external_id: str) -> None:
    """Raises InvalidRequestError for an unknown platform, and for what can be no id of an account there."""
    if platform not in FETCHERS:
        raise InvalidRequestError(f"unknown platform {platform!r}: choose from {', '.join(FETCHERS)}")
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise InvalidRequestError(
            f"{external_id!r} is no id of a {platform} account: the number is wanted, not the name"
        )


def connect(
    session: Session,
    business: Business,
    platform: str,
    external_id: str,
    access_token: str,
    *,
    display_name: str | None = None,
    refresh_token: str | None = None,
    token_expires_at: datetime | None = None,
    scopes: str | None = None,
    history_from: date | None = None,
) -> SocialAccount:
    """Connects an account, or connects it anew with another token; units that waited for that, or were given up, are due.

    `token_expires_at` (UTC) is the end of the access token, None = unknown, or never; `scopes` what was granted with
    it, by spaces, None = unknown.
    The ledger then owes the posts published from `history_from` to today (UTC), as far as it does not know them: the
    retry sensor has them listed and read, newest days first. None: no history.
    Raises InvalidRequestError for an unknown platform, an id or a token that cannot be one, or an account that
    another business has connected; EncryptionKeyError for a malformed key.
    """
    check_identity(platform, external_id)
    access_token = access_token.strip()
    if not is_token(access_token):
        raise InvalidRequestError(
            "the access token is empty, too long, or holds characters that no token has, such as a space"
        )
    try:
        FETCHERS[platform].for_account(access_token, external_id).close()
    except ConfigurationError as error:
        raise InvalidRequestError(error.message) from None
    encryption.check_key()
    account = session.scalar(
        select(SocialAccount)
        .where(SocialAccount.platform == platform, SocialAccount.external_id == external_id)
        .options(*WITHOUT_TOKENS)
        # What a refresh under way stores would else stay where it differs from the row before it.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if account is None:
        account = SocialAccount(business_id=business.id, platform=platform, external_id=external_id)
        session.add(account)
    elif account.business_id != business.id:
        raise InvalidRequestError(f"{platform} account {external_id} is connected to business {account.business_id}")
    account.access_token = access_token
    account.refresh_token, account.token_expires_at, account.scopes = refresh_token, token_expires_at, scopes
    account.display_name = display_name or account.display_name
    account.page_id = external_id if platform == "facebook" else None
    account.instagram_account_id = external_id if platform == "instagram" else None
    account.is_active, account.status, account.status_reason = True, "connected", None
    session.flush()
    ledger.release(session, account.id, given_up=True)
    retired.forget(session, account.id)
    if history_from is not None:
        ledger.owe_listing(session, account.id, platform, history_from, datetime.now(UTC).date())
    return account


def disconnect(session: Session, account_id: int) -> SocialAccount:
    """Forgets the account's tokens and leaves it alone from now on; its history stays. Raises InvalidRequestError."""
    account = session.get(
        SocialAccount,
        account_id,
        options=WITHOUT_TOKENS,
        with_for_update={"key_share": True},
        populate_existing=True,  # as in connect
    )
    if account is None:
        raise InvalidRequestError(f"there is no account {account_id}")
    account.access_token = account.refresh_token = account.token_expires_at = None
    account.is_active, account.status, account.status_reason = False, "disconnected", "removed by a person"
    return account


def overview(session: Session) -> list[AccountOverview]:
    """Every account with its business and number of posts."""
    posts = (
        select(PublishedPost.social_account_id, func.count().label("posts"))
        .group_by(PublishedPost.social_account_id)
        .subquery()
    )
    rows = session.execute(
        select(SocialAccount, Business.name, func.coalesce(posts.c.posts, 0))
        .join(Business, Business.id == SocialAccount.business_id)
        .outerjoin(posts, posts.c.social_account_id == SocialAccount.id)
        .order_by(Business.id, SocialAccount.platform, SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    )
    return [AccountOverview(row[0], row[1], row[2]) for row in rows]
