"""`db`: what stands on standard output, for scripts, and how serving ends."""

import signal

import pytest
from sqlalchemy import Engine

from analytics_pipeline.database import engine as engine_module
from tests.cli.conftest import Call


def test_the_kept_server_ends_with_ctrl_c_and_only_its_url_is_printed(
    call: Call, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "pause", interrupted)
    url = engine_module.libpq_url(engine_module.database_url())
    assert call("db", "url", "--keep") == (0, url, "Serving until Ctrl-C.")
