"""An account to hang posts on."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

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
