"""The book of alerts: once per cause, again once a day while it lasts, and never lost to a channel that is down.

Here: the table `alerts` and the digest. Not here: what is wrong (`causes.py`), how it is sent (`channels.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from analytics_pipeline.alerts.causes import Cause
from analytics_pipeline.database.models import Alert

REPEATED_EVERY = timedelta(days=1)
LONGEST_DIGEST = 20
"""Causes that one message spells out: some channels cut long ones."""

Send = Callable[[str, str], bool]
"""Sends a title and a text, and tells whether they have reached anybody. Does not raise."""


def tell(session: Session, causes: Iterable[Cause], send: Send, now: datetime) -> int:
    """Enters what is wrong at `now`, sends one digest of what is to be told, and returns how many causes it told.

    What could not be sent is told by the next call. Commits before sending: no channel holds a transaction open.
    """
    _enter(session, {cause.key: cause for cause in causes}, now)
    due = session.scalars(
        select(Alert)
        .where(Alert.resolved_at.is_(None), or_(Alert.last_sent.is_(None), Alert.last_sent <= now - REPEATED_EVERY))
        .order_by(Alert.first_seen, Alert.cause)
    ).all()
    session.commit()
    if not due or not send(*_digest(due)):
        return 0
    session.execute(update(Alert).where(Alert.cause.in_([alert.cause for alert in due])).values(last_sent=now))
    session.commit()
    return len(due)


def _enter(session: Session, causes: dict[str, Cause], now: datetime) -> None:
    if causes:
        new = upsert(Alert).values(
            [
                {"cause": cause.key, "message": cause.message, "first_seen": now, "last_seen": now}
                for cause in causes.values()
            ]
        )
        session.execute(
            new.on_conflict_do_update(
                index_elements=["cause"],
                set_={
                    "message": new.excluded.message,
                    "first_seen": case((Alert.resolved_at.is_(None), Alert.first_seen), else_=now),
                    "last_seen": now,
                    "resolved_at": None,
                },
            )
        )
    gone = update(Alert).where(Alert.resolved_at.is_(None), Alert.cause.not_in(list(causes)))
    session.execute(gone.values(resolved_at=now))


def _digest(alerts: Sequence[Alert]) -> tuple[str, str]:
    things = "1 thing needs" if len(alerts) == 1 else f"{len(alerts)} things need"
    lines = [f"- {alert.message} (since {alert.first_seen:%Y-%m-%d %H:%M} UTC)" for alert in alerts[:LONGEST_DIGEST]]
    if len(alerts) > LONGEST_DIGEST:
        lines.append(f"- and {len(alerts) - LONGEST_DIGEST} more, in the table alerts")
    return f"Analytics pipeline: {things} a person", "\n".join(lines)
