"""Commands on the demo's data while nobody serves its sandbox: they say so, and leave the ledger as it is."""

import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit
from analytics_pipeline.settings import get_settings, sandbox_env_file
from tests.cli.conftest import Call

DAY = "2026-09-01"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of this machine that refuses: taken, so that nobody else takes it, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def unserved(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_port: int) -> Session:
    """An account with a day that is done, and a demo whose sandbox has ended."""
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    url = f"http://127.0.0.1:{silent_port}"
    sandbox_env_file(tmp_path).write_text(f"TWITTER_BASE_URL={url}/twitter\nLINKEDIN_OAUTH_URL={url}/linkedin\n")
    get_settings.cache_clear()
    session.add(Business(name="Acme"))
    session.flush()
    session.add(
        SocialAccount(business_id=1, platform="twitter", external_id="88", access_token="t", status="connected")
    )
    session.flush()
    session.add(
        SyncUnit(
            social_account_id=1, platform="twitter", publish_day=date.fromisoformat(DAY), state="done",
            posts_expected=1, posts_synced=1, finished_at=datetime.now(UTC),
        )
    )  # fmt: skip
    session.commit()
    return session


@pytest.mark.parametrize(
    "words",
    [
        ("sync", "--business", "1"),
        ("sync", "--business", "1", "--platform", "facebook", "--platform", "twitter"),
        ("sync-post", "1"),
        ("backfill", "--platform", "twitter", "--from", DAY, "--to", DAY),
        ("backfill", "--platform", "twitter", "--from", DAY, "--to", DAY, "--failed-only"),
    ],
    ids=" ".join,
)
def test_a_sandbox_that_is_not_served_is_named_before_anything_fails(
    call: Call, unserved: Session, words: tuple[str, ...]
) -> None:
    status, output, errors = call(*words)
    assert (status, output) == (1, "")
    assert errors == (
        "Error: the demo's sandbox is not served: analytics-pipeline dev serves it, in another terminal; "
        "analytics-pipeline demo --remove ends it"
    )
    unserved.expire_all()
    assert unserved.scalars(select(SyncUnit.state)).all() == ["done"]


def test_a_host_of_the_environment_comes_before_the_sandbox(
    call: Call, unserved: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TWITTER_BASE_URL", "LINKEDIN_OAUTH_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/x")
    get_settings.cache_clear()
    status, _, errors = call("sync-post", "1")
    assert (status, errors) == (1, "Error: there is no post 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--business", "1", "--platform", "facebook"), "The business has no connected account on facebook."),
        (
            ("backfill", "--platform", "facebook", "--from", DAY, "--to", DAY, "--failed-only"),
            "Nothing failed and nothing is missing.",
        ),
    ],
    ids=["sync", "backfill"],
)
@pytest.mark.usefixtures("unserved")
def test_platforms_that_were_not_asked_for_need_not_be_served(call: Call, words: tuple[str, ...], said: str) -> None:
    assert call(*words) == (0, said, "")
