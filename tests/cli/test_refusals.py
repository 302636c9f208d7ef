"""What cannot be is refused in words for people, before anything is written; options are never ignored in silence."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from sqlalchemy import URL, Engine, event, func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World
from analytics_pipeline.settings import Settings, get_settings
from tests.cli.conftest import Call

HUGE = "99999999999999999999"
ADD = ("accounts", "add", "--business", "Acme", "--platform", "twitter", "--id", "7")
REPORT = ("report", "--business", "1")


@pytest.fixture
def business(marts: Session) -> Session:
    """Business 1, with summaries that are empty."""
    marts.add(Business(name="Acme"))
    marts.commit()
    return marts


@pytest.fixture
def taken() -> Iterator[str]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--business", HUGE),
        ("sync", "--business", HUGE),
        ("sync-post", HUGE),
        ("status", "--business", HUGE),
        ("accounts", "remove", HUGE),
        ("accounts", "time-zone", HUGE, "UTC"),
        ("accounts", "add", "--business", HUGE, "--platform", "twitter", "--id", "7", "--token-env", "TOK"),
    ],
    ids=" ".join,
)
def test_ids_that_no_row_can_have(
    call: Call, session: Session, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOK", "token")
    status, output, errors = call(*words)
    assert (status, output) == (1, "")
    assert errors == "Error: a number is too large: ids go up to 9223372036854775807"
    assert session.scalar(select(func.count()).select_from(Business)) == 0


def test_what_cannot_be_is_refused_in_one_line(
    exact_call: Call, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {
        ("sync", "--business", "9"): "there is no business 9",
        ("sync-post", "9"): "there is no post 9",
        ("accounts", "remove", "9"): "there is no account 9",
        ("accounts", "time-zone", "9", "UTC"): "there is no business '9'",
        (*ADD[:-1], "77", "--token-env", "UNSET_TOKEN"): "the environment variable UNSET_TOKEN is not set",
        (
            *ADD[:-1],
            "77",
            "--token-env",
            "EMPTY",
        ): "the access token is empty, too long, or holds characters that no token has, such as a space",
        (*ADD[:-1], "77", "--token-env", "BROKEN"): "the JSON given as token holds no usable access_token",
        (*ADD[:-1], "@acme", "--token-env", "SECRET"): (
            "'@acme' is no id of a twitter account: the number is wanted, not the name"
        ),
        ("backfill", "--platform", "myspace", "--from", "2026-01-01", "--to", "2026-01-02"): (
            "unknown platform 'myspace': choose from linkedin, twitter, facebook, instagram"
        ),
    }
    secrets = {"EMPTY": "", "SECRET": "never-shown", "BROKEN": '{"token": "never-shown"}'}
    with SandboxServer(World("empty", [], [], [])) as sandbox:
        for name, value in (sandbox.environment | secrets).items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        for words, message in refused.items():
            assert exact_call(*words) == (1, "", f"Error: {message}\n")
        assert session.scalar(select(func.count()).select_from(Business)) == 0, "what is refused leaves nothing behind"
        assert sandbox.requests == []


@pytest.mark.parametrize(("platform", "external_id"), [("myspace", "7"), ("twitter", "@acme")])
def test_nobody_is_asked_for_the_token_of_an_account_that_cannot_be(
    call: Call, session: Session, monkeypatch: pytest.MonkeyPatch, platform: str, external_id: str
) -> None:
    def ask(*_: object, **__: object) -> str:
        raise AssertionError("the token was asked for")

    monkeypatch.setattr("typer.prompt", ask)
    words = ("accounts", "add", "--business", "Acme", "--platform", platform, "--id", external_id)
    status, output, errors = call(*words)
    assert (status, output) == (1, "")
    assert errors.startswith(f"Error: {'unknown platform' if platform == 'myspace' else repr(external_id)}")


@pytest.mark.parametrize("there", [True, False])
def test_a_dagster_home_without_its_settings(
    call: Call, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool
) -> None:
    home = tmp_path / "home"
    if there:
        home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    status, output, errors = call("purge")
    assert (status, output) == (1, "")
    assert errors == f"Error: {home} has no dagster.yaml: copy the project's there, or unset DAGSTER_HOME"
    assert not there or list(home.iterdir()) == [], "no SQLite of Dagster's"


def test_a_user_without_rights_on_the_tables(
    call: Call, engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a reader, who may see the marts alone."""
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE analyst LOGIN"))
    try:
        url = engine.url.set(username="analyst").render_as_string(hide_password=False)
        monkeypatch.setenv("DATABASE_URL", url)
        get_settings.cache_clear()
        status, output, errors = call("status")
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP ROLE analyst"))
    assert (status, output) == (1, "")
    assert errors == (
        "Error: permission denied for table alembic_version: "
        "DATABASE_URL has to name the user who owns the pipeline's tables"
    )


def test_a_server_that_only_reads(call: Call, database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a standby does, to which the address that a managed server has for readers leads."""
    url = database_url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("TOKEN", "t")
    get_settings.cache_clear()
    status, output, errors = call(*ADD, "--token-env", "TOKEN")
    assert (status, output) == (1, "")
    assert errors == (
        "Error: cannot execute INSERT in a read-only transaction: "
        "DATABASE_URL has to name the server that takes writes, and a user who may write"
    )


def test_a_server_that_goes_away_between_two_statements(call: Call, business: Session) -> None:
    def go_away(_: object, cursor: psycopg.Cursor[Any], statement: str, *__: object) -> None:
        if "FROM businesses" in statement:
            business.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cursor.connection.info.backend_pid})

    event.listen(Engine, "before_cursor_execute", go_away)
    try:
        status, output, errors = call(*REPORT)
    finally:
        event.remove(Engine, "before_cursor_execute", go_away)
    assert (status, output) == (1, "")
    assert errors == (
        "Error: the connection to the database was lost (terminating connection due to administrator command): "
        "check that the server runs, then give the command again"
    )


class TestOutput:
    """`report --output`."""

    @pytest.mark.parametrize("form", ["csv", "parquet", "html"])
    @pytest.mark.parametrize("named", [("--format",), ()])
    def test_the_format_is_given_or_that_of_the_ending(
        self, call: Call, business: Session, tmp_path: Path, form: str, named: tuple[str, ...]
    ) -> None:
        file = tmp_path / f"x.{form.upper()}"
        words = (*named, form) if named else ()
        assert call(*REPORT, "--output", str(file), *words) == (0, f"Written to {file}", "")
        content = file.read_bytes()
        match form:
            case "csv":
                assert b"period_start" in content.splitlines()[0]
            case "parquet":
                assert "period_start" in pd.read_parquet(file)
            case "html":
                assert content.startswith(b"<!doctype html>")

    @pytest.mark.parametrize("name", ["x", "x.txt", ".csv"])
    def test_an_ending_that_says_no_format(self, call: Call, business: Session, tmp_path: Path, name: str) -> None:
        status, output, errors = call(*REPORT, "--output", str(tmp_path / name))
        assert (status, output) == (1, "")
        assert errors == f"Error: the ending of {name} is not that of a format: give --format csv, parquet or html"
        assert list(tmp_path.iterdir()) == []

    def test_a_table_is_no_file(self, call: Call, business: Session, tmp_path: Path) -> None:
        status, output, errors = call(*REPORT, "--output", str(tmp_path / "x.csv"), "--format", "table")
        assert (status, output) == (1, "")
        assert errors == "Error: a table is for the terminal: with --output, give --format csv, parquet or html"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("form", ["csv", "parquet", "html"])
    def test_a_folder_that_is_not_there(self, call: Call, business: Session, tmp_path: Path, form: str) -> None:
        file = tmp_path / "missing" / f"x.{form}"
        assert call(*REPORT, "--output", str(file)) == (1, "", f"Error: {file}: No such file or directory")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("form", ["csv", "parquet", "html"])
    def test_what_is_no_file(self, call: Call, business: Session, tmp_path: Path, form: str) -> None:
        for place in ("", str(tmp_path)):
            status, output, errors = call(*REPORT, "--output", place, "--format", form)
            assert (status, output) == (2, "")
            assert "Invalid value for '--output'" in errors
            assert "is a directory" in errors


class TestTokenFile:
    """`accounts add --token-file`."""

    def test_a_folder(self, call: Call, session: Session, tmp_path: Path) -> None:
        status, output, errors = call(*ADD, "--token-file", str(tmp_path))
        assert (status, output) == (2, "")
        assert "Invalid value for '--token-file'" in errors
        assert "is a directory" in errors

    def test_what_is_no_text(self, call: Call, session: Session, tmp_path: Path) -> None:
        file = tmp_path / "token.bin"
        file.write_bytes(b"\xff\xfe\x00secret")
        assert call(*ADD, "--token-file", str(file)) == (1, "", f"Error: {file} holds no text, so no token")
        assert session.scalar(select(func.count()).select_from(Business)) == 0

    def test_a_mark_of_the_byte_order_is_no_part_of_the_token(
        self, call: Call, session: Session, tmp_path: Path
    ) -> None:
        file = tmp_path / "x.json"
        file.write_text('{"access_token": "abc"}', encoding="utf-8-sig")  # as Windows writes files
        status, output, errors = call(*ADD, "--token-file", str(file))
        assert (status, errors) == (0, "")
        assert "twitter account 7 is connected to Acme" in output


class TestSandbox:
    """`sandbox` ends before it serves."""

    def test_a_folder_without_a_world(self, call: Call, tmp_path: Path) -> None:
        assert call("sandbox", "--world", str(tmp_path), "--port", "0") == (
            1,
            "",
            "Error: accounts.csv: this file is missing",
        )

    def test_a_world_is_read_or_made_from_a_seed(self, call: Call, tmp_path: Path) -> None:
        words = ("sandbox", "--world", str(tmp_path), "--seed", "2", "--port", "0")
        assert call(*words) == (1, "", "Error: give --world or --seed, not both: a world is made from a seed")

    def test_no_folder(self, call: Call, tmp_path: Path) -> None:
        status, output, errors = call("sandbox", "--world", str(tmp_path / "missing"), "--port", "0")
        assert (status, output) == (2, "")
        assert "Invalid value for '--world'" in errors

    @pytest.mark.parametrize("port", ["99999", "-1"])
    def test_impossible_ports(self, call: Call, port: str) -> None:
        status, output, errors = call("sandbox", "--port", port)
        assert (status, output) == (2, "")
        assert "Invalid value for '--port'" in errors

    def test_a_port_in_use(self, call: Call, taken: str, tmp_path: Path) -> None:
        folder = tmp_path / "world"
        status, output, errors = call("sandbox", "--port", taken, "--write-to", str(folder))
        assert (status, output) == (1, "")
        assert errors.startswith(f"Error: cannot listen on 127.0.0.1, port {taken}: Address already in use")
        assert not folder.exists()

    def test_an_unknown_host(self, call: Call) -> None:
        status, output, errors = call("sandbox", "--host", "no.such.invalid", "--port", "0")
        assert (status, output) == (1, "")
        assert errors.startswith("Error: cannot listen on no.such.invalid, port 0: ")

    def test_a_place_where_no_folder_can_be(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        place = tmp_path / "file" / "world"
        status, output, errors = call("sandbox", "--port", "0", "--write-to", str(place))
        assert (status, output, errors) == (1, "", f"Error: {place}: Not a directory")


class TestDev:
    """`dev` starts nothing without a port for its UI."""

    @pytest.fixture(autouse=True)
    def _nothing_starts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def start(*_: object, **__: object) -> None:
            raise AssertionError("dagster was started")

        monkeypatch.setattr("analytics_pipeline.cli.dev.subprocess.Popen", start)
        monkeypatch.setattr("analytics_pipeline.database.engine.upgrade", start)

    @pytest.mark.parametrize("port", ["99999", "0", "-1"])
    def test_impossible_ports(self, call: Call, port: str) -> None:
        status, output, errors = call("dev", "--port", port)
        assert (status, output) == (2, "")
        assert "Invalid value for '--port'" in errors

    def test_a_port_in_use(self, call: Call, taken: str) -> None:
        status, output, errors = call("dev", "--port", taken)
        assert (status, output) == (1, "")
        assert errors.startswith(f"Error: cannot listen on 127.0.0.1, port {taken}: Address already in use")


def test_a_demo_beside_businesses_shares_no_database_with_them(
    call: Call, business: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor Dagster's: there the demo's days would stand as materialised among those of the businesses."""
    status, _, errors = call("demo")
    assert (status, errors.startswith("Error: this database holds 1 businesses of yours")) == (1, True)
    advice = errors.partition("beside them: ")[2].removesuffix(" analytics-pipeline demo").split()
    for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://me@db.example/production")
    for name, value in (given.split("=") for given in advice):
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.database_url, settings.dagster_database_url) == (None, None)


def test_json_and_markdown_are_not_given_together(call: Call) -> None:
    assert call("platforms", "--json", "--markdown") == (1, "", "Error: give --json or --markdown, not both")
