"""What people were told of."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from analytics_pipeline.database.models.base import Base


class Alert(Base):
    """A cause that a person was told of, or is to be told of. `resolved_at` is when it was first found gone.

    `last_sent` outlives the solution: a cause that comes and goes is told once a day too.
    """

    __tablename__ = "alerts"

    cause: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    last_sent: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
