"""A key that is malformed, lost or changed: no token is ever shown, and accounts can be seen, connected and removed."""

import json
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics_pipeline.database import encryption
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.settings import get_settings
from tests.cli.conftest import Call

TOKEN = "SEKRET-TOKEN-123"
ADD = ("accounts", "add", "--business", "Solo", "--platform", "facebook", "--token-env", "TOK", "--id")
UseKey = Callable[[str], None]


@pytest.fixture
def use_key(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseKey]:
    """Changes the key; TOK holds a token."""

    with monkeypatch.context() as patch:

        def use(key: str) -> None:
            patch.setenv("ANALYTICS_ENCRYPTION_KEY", key)
            get_settings.cache_clear()
            encryption._fernet.cache_clear()

        patch.setenv("TOK", TOKEN)
        yield use
    get_settings.cache_clear()
    encryption._fernet.cache_clear()


@pytest.fixture
def one_of_two(call: Call, use_key: UseKey) -> None:
    """Account 1 was connected with a key that is gone, account 2 with that of now."""
    use_key("A" * 43 + "=")
    assert call(*ADD, "57").status == 0
    use_key("B" * 43 + "=")
    assert call(*ADD, "58").status == 0


def test_with_a_malformed_key_the_token_is_not_shown(call: Call, use_key: UseKey, session: Session) -> None:
    use_key("short")
    status, output, errors = call(*ADD, "58")
    assert (status, output) == (1, "")
    assert errors == "Error: ANALYTICS_ENCRYPTION_KEY is no Fernet key: 32 url-safe base64-encoded bytes are needed"
    assert session.scalars(select(SocialAccount)).all() == []


@pytest.mark.usefixtures("one_of_two")
def test_an_account_whose_token_cannot_be_read_is_connected_anew(call: Call, session: Session) -> None:
    status, output, errors = call(*ADD, "57")
    assert (status, errors) == (0, "")
    assert "facebook account 57 is connected to Solo (business 1) as 1." in output
    assert session.scalars(select(SocialAccount.access_token)).all() == [TOKEN, TOKEN]


@pytest.mark.usefixtures("one_of_two")
def test_an_account_whose_token_cannot_be_read_is_removed(call: Call, session: Session) -> None:
    assert call("accounts", "remove", "1") == (0, "facebook account 57 is removed; its history stays.", "")
    assert session.scalars(select(SocialAccount.access_token).order_by(SocialAccount.id)).all() == [None, TOKEN]


@pytest.mark.usefixtures("one_of_two")
def test_the_others_are_shown_and_the_one_is_named(call: Call) -> None:
    status, output, errors = call("accounts", "list")
    assert (status, errors) == (0, "")
    assert " 57 " in output
    assert " 58 " in output
    status, output, errors = call("status", "--json")
    assert (status, errors) == (0, "")
    shut, other = json.loads(output)["accounts"]
    assert (shut["account"], other["account"]) == ("57", "58")
    assert shut["stale_reason"].startswith("the key does not open its token")
    assert other["stale_reason"] == "never read yet"
    assert call("platforms").status == 0
