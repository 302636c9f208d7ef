"""Tokens at rest: unreadable in the database, readable with the key, and a clear word when the key does not fit."""

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from analytics_pipeline.database import encryption
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.settings import get_settings


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Lets a test change the key."""
    yield monkeypatch
    get_settings.cache_clear()
    encryption._fernet.cache_clear()


def use_key(patch: pytest.MonkeyPatch, value: str) -> None:
    patch.setenv("ANALYTICS_ENCRYPTION_KEY", value)
    get_settings.cache_clear()
    encryption._fernet.cache_clear()


def test_a_token_is_unreadable_in_the_database(session: Session, account: SocialAccount) -> None:
    account.access_token = "the token, ünïcode"
    session.add(account)
    session.flush()
    session.expire_all()

    assert "token" not in session.scalars(text("SELECT access_token FROM social_accounts")).one()
    assert session.scalars(select(SocialAccount.access_token)).one() == "the token, ünïcode"
    assert session.scalars(select(SocialAccount.refresh_token)).one() is None


def test_another_key_is_named_as_the_reason(session: Session, account: SocialAccount, key: pytest.MonkeyPatch) -> None:
    account.access_token = "secret"
    session.add(account)
    session.flush()
    use_key(key, "A" * 43 + "=")

    with pytest.raises(encryption.EncryptionKeyError, match="encrypted with another key") as caught:
        session.scalars(select(SocialAccount.access_token)).one()
    assert "secret" not in str(caught.value)


def test_a_malformed_key_is_refused_by_name(key: pytest.MonkeyPatch) -> None:
    use_key(key, "too short")
    with pytest.raises(encryption.EncryptionKeyError, match="ANALYTICS_ENCRYPTION_KEY is no Fernet key") as caught:
        encryption._fernet()
    assert "too short" not in str(caught.value)


def test_a_broken_key_file_is_named_where_there_is_no_variable(key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token.key"
    file.write_text("too short")
    key.setenv("ANALYTICS_HOME", str(tmp_path))
    use_key(key, "")
    with pytest.raises(encryption.EncryptionKeyError) as caught:
        encryption.check_key()
    assert str(caught.value) == f"{file} is no Fernet key: 32 url-safe base64-encoded bytes are needed"


def test_a_key_is_made_once_even_by_two_at_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "token.key"
    start = threading.Barrier(4)
    keys: list[bytes] = []

    def make() -> None:
        start.wait()
        keys.append(encryption._key_from_file(path))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 4
    assert set(keys) == {path.read_bytes()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_no_token_is_in_the_error_of_a_statement(
    session: Session, account: SocialAccount, key: pytest.MonkeyPatch
) -> None:
    use_key(key, "too short")
    account.access_token = "secret"
    session.add(account)
    with pytest.raises(StatementError) as caught:
        session.flush()
    assert "ANALYTICS_ENCRYPTION_KEY is no Fernet key" in str(caught.value)
    assert "secret" not in str(caught.value)
