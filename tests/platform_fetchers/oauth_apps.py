"""The apps, secrets and credentials that the tests of token endpoints share. Not here: fixtures (conftest.py)."""

from datetime import datetime

from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.oauth import Credentials
from tests.platform_fetchers.conftest import NOW

ACCESS, REFRESH, SECRET = "CANARY-access-1", "CANARY-refresh-2", "CANARY-secret-3"
APPS: dict[str, str | None] = {
    f"{platform}_CLIENT_{kind}": value
    for platform in ("LINKEDIN", "TWITTER", "FACEBOOK")
    for kind, value in (("ID", "app"), ("SECRET", SECRET))
}
PLATFORMS = {name: fetcher.oauth for name, fetcher in FETCHERS.items()}


def clock() -> datetime:
    """The present of these tests."""
    return NOW


def held(
    external_id: str = "7", refresh_token: str | None = REFRESH, expires_at: datetime | None = None
) -> Credentials:
    """What an account holds."""
    return Credentials(external_id, ACCESS, refresh_token, expires_at)
