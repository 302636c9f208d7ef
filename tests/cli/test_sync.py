"""`sync`: what its exit status says."""

import io

import pytest
from rich.console import Console
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline.cli import app, console, sync
from analytics_pipeline.database.models import Business, SocialAccount


def test_an_account_that_cannot_be_looked_at_is_named_and_fails(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    for module in (sync, console):
        monkeypatch.setattr(module, "console", Console(file=terminal, width=80))
    session.add(Business(name="Acme"))
    session.flush()
    session.add(
        SocialAccount(
            business_id=1, platform="twitter", external_id="88", access_token="t", status="needs_reauth",
            status_reason="the token was revoked",
        )
    )  # fmt: skip
    session.commit()
    result = CliRunner().invoke(app, ["sync", "--business", "1"])
    assert result.exit_code == 1
    assert "88 was not listed for new posts: the token was revoked" in " ".join(terminal.getvalue().split())
