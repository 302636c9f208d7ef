"""Which ids and time zones are refused, by the command's function and by the table itself; scopes that are kept."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business
from analytics_pipeline.sync import InvalidRequestError
from analytics_pipeline.sync.accounts import business_named, connect, set_time_zone


@pytest.fixture
def business(session: Session) -> Business:
    return business_named(session, "Acme", create=True)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Pacific/Pago_Pago", "Pacific/Kiritimati", "UTC", "Etc/GMT+3"])
def test_a_business_has_utc_until_it_is_given_a_zone(session: Session, business: Business, name: str) -> None:
    assert session.scalar(select(Business.timezone)) == "UTC"
    set_time_zone(session, business, name)
    session.flush()
    assert session.scalar(text("SELECT timezone FROM businesses")) == name


@pytest.mark.parametrize("name", ["Europe/Bonn", "europe/berlin", "UTC+2", "CEST", "localtime", "", "Europe/Berlin\n"])
def test_what_is_no_iana_name_is_refused(session: Session, business: Business, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="give business 1 an IANA name"):
        set_time_zone(session, business, name)
    assert not session.dirty


def test_nobody_else_can_store_a_zone_that_the_marts_could_not_use(session: Session, business: Business) -> None:
    with pytest.raises(DataError, match='time zone "Europe/Bonn" not recognized'):
        session.execute(text("UPDATE businesses SET timezone = 'Europe/Bonn'"))


@pytest.mark.parametrize("platform", ["linkedin", "twitter", "facebook", "instagram"])
@pytest.mark.parametrize("external_id", ["１２３", "../me", "me", "12/34", "1?x=1", "12\n", "", "1" * 31])
def test_what_is_no_number_is_no_id(session: Session, business: Business, platform: str, external_id: str) -> None:
    with pytest.raises(InvalidRequestError, match="the number is wanted"):
        connect(session, business, platform, external_id, "token")


def test_scopes_are_kept_until_the_account_is_connected_with_others(session: Session, business: Business) -> None:
    assert connect(session, business, "twitter", "7", "token", scopes="tweet.read users.read").scopes == (
        "tweet.read users.read"
    )
    assert connect(session, business, "twitter", "7", "token").scopes is None


@pytest.mark.parametrize("token", ["", " \n", "Bearer abc", "two\nlines", "t\u00f6ken", "\ufefftoken", "t" * 4001])
def test_what_no_platform_gives_is_no_token(session: Session, business: Business, token: str) -> None:
    with pytest.raises(InvalidRequestError, match="too long, or holds characters that no token has"):
        connect(session, business, "facebook", "7", token)
    assert connect(session, business, "facebook", "7", " token\n").access_token == "token"
