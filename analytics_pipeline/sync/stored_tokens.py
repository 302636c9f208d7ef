"""The tokens of many accounts as they are stored: one that the key does not open costs no other account.

Here: reading them. Not here: refreshing and storing them (`tokens.py`), the key (`database/encryption.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session, defer

from analytics_pipeline.database.encryption import OTHER_KEY, EncryptedTextOrNone, EncryptionKeyError, check_key
from analytics_pipeline.database.models import SocialAccount

SHUT: Final = (
    "the key does not open its token: restore ANALYTICS_ENCRYPTION_KEY, or connect the account anew with "
    "analytics-pipeline accounts add"
)
"""What is said of an account whose tokens are `shut`."""

WITHOUT_TOKENS: Final = (defer(SocialAccount.access_token), defer(SocialAccount.refresh_token))
"""Options of a query for accounts: a token that the key does not open must not keep its account from being seen or mended."""


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The tokens of an account, None where there is none; `shut` = there is one that the key does not open."""

    access: str | None = field(repr=False)
    refresh: str | None = field(repr=False)
    shut: bool


def stored_tokens(session: Session, account_ids: Collection[int] | None = None) -> dict[int, StoredTokens]:
    """By account, of all without ids."""
    tokens = select(
        SocialAccount.id,
        type_coerce(SocialAccount.access_token, EncryptedTextOrNone),
        type_coerce(SocialAccount.refresh_token, EncryptedTextOrNone),
        func.num_nonnulls(SocialAccount.access_token, SocialAccount.refresh_token),
    )
    if account_ids is not None:
        tokens = tokens.where(SocialAccount.id.in_(account_ids))
    rows: Sequence[Any] = session.execute(tokens).all()
    return {
        account: StoredTokens(access, refresh, (access is not None) + (refresh is not None) < stored)
        for account, access, refresh, stored in rows
    }


def tokens_to_use(session: Session, account_ids: Collection[int]) -> dict[int, StoredTokens]:
    """As stored_tokens. Raises EncryptionKeyError where the key opens no token of any account: it is the key that is wrong."""
    tokens = stored_tokens(session, account_ids)
    if any(stored.shut for stored in tokens.values()):
        every = stored_tokens(session).values()
        if not any(stored.access or stored.refresh for stored in every):
            check_key()
            raise EncryptionKeyError(OTHER_KEY)
    return tokens
