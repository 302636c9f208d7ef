"""Each check of what is the pipeline's own: its good case and its bad one."""

from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline.database import encryption
from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.health import own
from analytics_pipeline.settings import sandbox_env_file
from tests.health.conftest import Configure, states

CANARY = "canary-5e3c1a9b"


def test_settings_that_can_be_read(configure: Configure) -> None:
    configure(SYNC_THREADS="3")
    (finding,) = own.settings()
    assert finding.state == "ok"
    assert "sandbox" not in finding.found


@pytest.mark.parametrize("given", ["", "http://127.0.0.1:1"])
def test_hosts_of_the_demo_are_mentioned(given: str, configure: Configure, tmp_path: Path) -> None:
    configure(ANALYTICS_HOME=str(tmp_path), TWITTER_BASE_URL=given)
    sandbox_env_file(tmp_path).write_text("TWITTER_BASE_URL=http://127.0.0.1:1\n")
    (finding,) = own.settings()
    assert (finding.state, finding.found.endswith("hosts are those of the demo's sandbox")) == ("ok", True)


def test_hosts_that_come_before_those_of_the_demo_are_named(configure: Configure, tmp_path: Path) -> None:
    configure(ANALYTICS_HOME=str(tmp_path), TWITTER_BASE_URL="http://127.0.0.1:2")
    sandbox_env_file(tmp_path).write_text("TWITTER_BASE_URL=http://127.0.0.1:1\nLINKEDIN_BASE_URL=http://127.0.0.1:1\n")
    (finding,) = own.settings()
    assert finding.state == "warning"
    assert finding.found == "the demo's accounts call the host of TWITTER_BASE_URL in the environment, not its sandbox"


def test_settings_that_cannot_be_read_are_named_without_their_value(configure: Configure) -> None:
    configure(SYNC_THREADS=CANARY, LOG_FORMAT="xml")
    findings = list(own.settings())
    assert {finding.found.partition(":")[0] for finding in findings} == {"SYNC_THREADS", "LOG_FORMAT"}
    assert {finding.state for finding in findings} == {"failed"}
    assert CANARY not in str(findings)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TWITTER_PRICES", CANARY, "TWITTER_PRICES"),
        ("TWITTER_PRICES", '{"post_reed": "0.01"}', "TWITTER_PRICES.POST_REED"),
        ("HISTORY_DAYS", "999999", "HISTORY_DAYS"),
        ("LINKEDIN_DETAIL_DAYS", "999999", "LINKEDIN_DETAIL_DAYS"),
        ("RAW_RETENTION_DAYS", "999999", "RAW_RETENTION_DAYS"),
        ("RUN_RETENTION_DAYS", "999999", "RUN_RETENTION_DAYS"),
        ("ALERT_STALE_HOURS", "99999999", "ALERT_STALE_HOURS"),
    ],
)
def test_a_value_that_nothing_could_be_done_with(configure: Configure, name: str, value: str, named: str) -> None:
    configure(**{name: value})
    (finding,) = own.settings()
    assert (finding.state, finding.found.partition(":")[0]) == ("failed", named)
    assert finding.advice == f"mend or unset {name}"
    assert CANARY not in str(finding)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("sync_threds", "SYNC_THREADS"),
        ("LINKEDIN_API_VERISON", "LINKEDIN_API_VERSION"),
    ],
)
def test_a_misspelt_setting_is_named(configure: Configure, name: str, meant: str) -> None:
    configure(**{name: CANARY})
    (finding,) = own.settings()
    assert (finding.state, finding.advice) == ("warning", f"set {meant} if that was meant")
    assert CANARY not in str(finding)


@pytest.mark.parametrize("name", ["FACEBOOK_APP_ID", "X_TOKEN", "DAGSTER_HOME", "PGDATABASE", "LOG_DIR"])
def test_variables_of_others_are_left_alone(configure: Configure, name: str) -> None:
    configure(**{name: "1"})
    assert states(own.settings()) == [("settings", "ok")]


def test_a_database_that_answers(engine: Engine) -> None:
    finding, clock = own.database()
    assert finding.state == "ok"
    assert finding.found.startswith("PostgreSQL 18.")
    assert (clock.state, clock.found.startswith("the database: 0 s ")) == ("ok", True)


def test_a_database_that_is_missing(database_url: URL, configure: Configure) -> None:
    configure(DATABASE_URL=database_url.set(database="absent").render_as_string(hide_password=False))
    (finding,) = own.database()
    assert (finding.state, finding.advice) == ("failed", "analytics-pipeline db upgrade")


def test_a_server_that_does_not_run(database_url: URL, configure: Configure) -> None:
    configure(DATABASE_URL=f"postgresql://us:{CANARY}@127.0.0.1:1/analytics")
    (finding,) = own.database()
    assert finding.state == "failed"
    assert "127.0.0.1" in finding.found
    assert CANARY not in str(finding)


@pytest.mark.parametrize(
    ("ahead", "state"), [(0, "ok"), (30, "ok"), (-30, "ok"), (30.5, "warning"), (-31, "warning"), (86_400, "warning")]
)
def test_clocks_may_differ_by_half_a_minute(ahead: float, state: str) -> None:
    assert own.clock("x", ahead).state == state


def test_which_way_a_clock_is_wrong() -> None:
    assert own.clock("x", 90).found == "x: 90 s ahead of this machine's clock"
    assert own.clock("x", -90).found == "x: 90 s behind this machine's clock"


def test_tables_of_this_version_and_of_another(engine: Engine) -> None:
    assert states(own.migrations()) == [("tables", "ok")]
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    (finding,) = own.migrations()
    assert (finding.state, finding.advice) == ("failed", "analytics-pipeline db upgrade")


def connect(session: Session, *tokens: str) -> None:
    session.add(Business(name="Acme"))
    session.flush()
    for n, token in enumerate(tokens, 1):
        session.add(
            SocialAccount(
                business_id=1, platform="twitter", external_id=str(n), display_name=f"@{n}", access_token=token
            )
        )
    session.commit()


def test_a_key_that_opens_the_tokens(session: Session) -> None:
    connect(session, CANARY, "other")
    (finding,) = own.encryption_key()
    assert (finding.state, finding.found) == ("ok", "ANALYTICS_ENCRYPTION_KEY opens the tokens of 2 accounts")


def test_tokens_of_another_key_are_counted_and_their_accounts_named(
    session: Session, configure: Configure, request: pytest.FixtureRequest
) -> None:
    connect(session, CANARY, "other")
    request.addfinalizer(encryption._fernet.cache_clear)
    encryption._fernet.cache_clear()
    configure(ANALYTICS_ENCRYPTION_KEY="b3RoZXIga2V5OiB0aGlydHktdHdvIGJ5dGVzIC4uLi4=")
    (finding,) = own.encryption_key()
    assert finding.state == "failed"
    assert finding.found == "does not open the tokens of 2 of 2 accounts: twitter @1, twitter @2"
    assert CANARY not in str(finding)


def test_a_key_that_is_missing_is_not_made(session: Session, configure: Configure, tmp_path: Path) -> None:
    configure(ANALYTICS_ENCRYPTION_KEY=None, ANALYTICS_HOME=str(tmp_path))
    assert states(own.encryption_key()) == [("encryption key", "ok")]
    session.execute(text("INSERT INTO businesses (name) VALUES ('Acme')"))
    session.execute(
        text(
            "INSERT INTO social_accounts (business_id, platform, external_id, access_token)"
            " VALUES (1, 'twitter', '1', 'sealed')"
        )
    )
    session.commit()
    assert states(own.encryption_key()) == [("encryption key", "failed")]
    assert list(tmp_path.iterdir()) == []


def test_dbt_parses() -> None:
    assert states(own.dbt()) == [("dbt", "ok")]


def test_dbt_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    (finding,) = own.dbt()
    assert (finding.state, finding.found) == ("failed", f"{tmp_path / 'analytics-dbt'} is missing")


def test_channels_of_alerts(configure: Configure) -> None:
    configure(ALERT_URLS=None)
    assert states(own.alert_channels()) == [("alerts", "ok")]
    configure(ALERT_URLS="json://localhost/a, mailto://user:secret@example.org")
    (finding,) = own.alert_channels()
    assert (finding.state, finding.found) == ("ok", "go to 2 channels")
    configure(ALERT_URLS=f"json://localhost/a {CANARY}://x")
    (finding,) = own.alert_channels()
    assert (finding.state, finding.found) == ("failed", "URL 2 of the 2 in ALERT_URLS is none that Apprise knows")
