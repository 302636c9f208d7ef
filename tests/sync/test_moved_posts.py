"""Posts whose time a platform corrects: what becomes of the day that they leave."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SyncError, SyncUnit
from analytics_pipeline.sync import AnalyticsSyncService
from tests.sync.conftest import D1, D2, Connect, at, likes, run
from tests.sync.scripted import Platform


def test_the_day_that_the_last_post_has_left_has_none(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    run(service)
    session.execute(
        update(SyncUnit).values(state="parked", error_class="bad_data", error_message="likes are no number")
    )
    session.add(SyncError(social_account_id=1, publish_day=D1, error_class="bad_data", message="likes are no number"))
    session.commit()
    platform.publish("10", "a", at(D2))
    list(service.list_posts("linkedin", D1, D2))
    left = session.scalars(select(SyncUnit).where(SyncUnit.publish_day == D1)).one()
    assert (left.state, left.posts_expected, left.posts_synced, left.error_message) == ("done", 0, 0, None)
    assert session.scalars(select(SyncError)).all() == [], "none of its posts has failed"
    session.commit()
    days = run(service)
    assert {day: [unit.posts_expected for unit in of_day.units] for day, of_day in days.items()} == {D1: [0], D2: [1]}
    assert all(day.complete for day in days.values())
    assert likes(session) == [("a", "09-30", 1)]
