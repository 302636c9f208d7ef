"""An account to hang posts on, and a server that asks for a password."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.database import embedded
from analytics_pipeline.database.models import Business, SocialAccount


@pytest.fixture
def account(engine: Engine) -> SocialAccount:
    """A committed X account of a committed business."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        business = Business(name="Bakery")
        session.add(business)
        session.flush()
        account = SocialAccount(business_id=business.id, platform="twitter", external_id="42")
        session.add(account)
    return account


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """A server that asks the account `guest` for a password, and does not let it create databases."""
    server = embedded.start(tmp_path_factory.mktemp("guarded"), fast=True)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'hunter2'")
        rules = server.home / "data" / "pg_hba.conf"
        rules.write_text("local all guest scram-sha-256\n" + rules.read_text())
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()
