"""`sync`: what its exit status says."""

from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount
from tests.cli.conftest import Call


def test_an_account_that_cannot_be_looked_at_is_named_and_fails(call: Call, session: Session) -> None:
    session.add(Business(name="Acme"))
    session.flush()
    session.add(
        SocialAccount(
            business_id=1, platform="twitter", external_id="88", access_token="t", status="needs_reauth",
            status_reason="the token was revoked",
        )
    )  # fmt: skip
    session.commit()
    status, output, _ = call("sync", "--business", "1")
    assert status == 1
    assert "88 was not listed for new posts: the token was revoked" in output
