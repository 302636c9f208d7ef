"""A business with two months of summaries, as rows of the marts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount

MADE_AT = datetime(2026, 9, 30, 12, tzinfo=UTC)


def add(session: Session, table: str, **values: Any) -> None:
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    session.execute(text(f"insert into {table} ({columns}) values ({places})"), values)


@pytest.fixture
def business(marts: Session) -> Engine:
    """Two months of a business with an X account; the impressions of September are unknown."""
    session = marts
    session.add(Business(name="Cafés & <Roasters>"))
    session.flush()
    session.add(SocialAccount(business_id=1, platform="twitter", external_id="77", display_name="Roasters"))
    session.flush()
    for n, url in enumerate(("https://x.com/i/status/1", "javascript:alert(1)"), 1):
        published_at = datetime(2026, 8, n, 9, 30, tzinfo=UTC)
        session.add(
            PublishedPost(
                business_id=1, social_account_id=1, platform="twitter", platform_post_id=f"90{n}", platform_post_url=url,
                published_at=published_at,
            )
        )  # fmt: skip
        session.flush()
        add(
            session, "post_performance", post_id=n, business_id=1, social_account_id=1, platform="twitter",
            published_on=published_at.date(), engagements=1000 * n, impressions=5000, engagement_rate=20.0 * n,
        )  # fmt: skip
    for month, impressions, growth in ((8, 12_345, None), (9, None, -99.5)):
        for platform in ("all", "twitter"):
            key = str(uuid4())
            covered = {"posts_with_engagements": 2, "posts_with_impressions": 1 if impressions else 0}
            add(session, "summary_coverage", id=key, **covered)
            add(
                session, "analytics_summaries", id=key, business_id=1, period_type="monthly", platform=platform,
                period_start=date(2026, month, 1), period_end=date(2026, month, 30), total_posts=2,
                total_engagements=3000, total_impressions=impressions, engagement_growth=growth,
            )  # fmt: skip
    for hour, rate in ((9, 2.5), (17, None)):
        add(
            session, "posting_times", business_id=1, social_account_id=1, platform="twitter", time_zone="Europe/Lisbon",
            weekday=2, hour=hour, posts=20, rated_posts=19 if rate else 0, median_engagement_rate=rate,
            window_start=date(2026, 6, 11), window_end=date(2026, 9, 30), recommendation="better than usual" if rate else "no",
        )  # fmt: skip
    for n in range(3):
        add(
            session, "account_growth", social_account_id=1, business_id=1, platform="twitter",
            day=date(2026, 9, 1) + timedelta(days=n), followers=100 + n if n != 1 else None,
        )  # fmt: skip
    session.commit()
    return session.get_bind().engine
