"""Tokens at rest: a column type that encrypts on the way in and decrypts on the way out.

Here: the key and the column type. Not here: which columns are secret (`models.py`).
"""

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Dialect, Text, TypeDecorator

from analytics_pipeline.settings import get_settings

OTHER_KEY: Final = (
    "a stored token was encrypted with another key: restore ANALYTICS_ENCRYPTION_KEY or connect the account anew"
)


class EncryptionKeyError(RuntimeError):
    """The key is malformed, or a token was encrypted with another one."""


def _key_from_file(path: Path) -> bytes:
    """The key in `path`, made once if there is none. Readable by the owner only; safe against two makers at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as draft:  # made with mode 0600
            draft.write(Fernet.generate_key())
            draft.flush()
            with suppress(FileExistsError):  # another maker was first, whose key then counts
                os.link(draft.name, path)
    return path.read_bytes().strip()


@lru_cache(maxsize=1)
def _fernet() -> Fernet:
    settings = get_settings()
    configured = settings.analytics_encryption_key
    file = settings.analytics_home / "token.key"
    key = configured.get_secret_value().encode() if configured else _key_from_file(file)
    try:
        return Fernet(key)
    except ValueError:
        source = "ANALYTICS_ENCRYPTION_KEY" if configured else file
        raise EncryptionKeyError(f"{source} is no Fernet key: 32 url-safe base64-encoded bytes are needed") from None


def check_key() -> None:
    """Raises EncryptionKeyError for a malformed key, before there is anything to encrypt."""
    _fernet()


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted in the database. Raises EncryptionKeyError when the key does not fit."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _fernet().encrypt(value.encode()).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return _fernet().decrypt(str(value).encode()).decode()
        except InvalidToken:
            raise EncryptionKeyError(OTHER_KEY) from None


class EncryptedTextOrNone(EncryptedText):
    """As EncryptedText, for reading many rows: what the key does not open is None, and costs no other row."""

    cache_ok = True

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        try:
            return super().process_result_value(value, dialect)
        except EncryptionKeyError:
            return None
