"""Tables of the application that owns the businesses: the pipeline reads them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from analytics_pipeline.database.models.base import Base, id_column, now_column


class User(Base):
    """A person who owns businesses."""

    __tablename__ = "users"

    id: Mapped[int] = id_column()
    email: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = now_column()


class Business(Base):
    """The tenant: owns accounts and posts. `timezone` is an IANA name; one that PostgreSQL does not know is refused."""

    __tablename__ = "businesses"
    # For names it does not know, the expression is no false, but an error that repeats the name.
    __table_args__ = (CheckConstraint("(created_at AT TIME ZONE timezone) IS NOT NULL", name="timezone_known"),)

    id: Mapped[int] = id_column()
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    created_at: Mapped[datetime] = now_column()


class Strategy(Base):
    """A business's publishing strategy."""

    __tablename__ = "strategies"

    id: Mapped[int] = id_column()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = now_column()


class Content(Base):
    """A piece of content that may be published on several platforms."""

    __tablename__ = "content"

    id: Mapped[int] = id_column()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"), index=True)
    strategy_id: Mapped[int | None] = mapped_column(ForeignKey("strategies.id", ondelete="SET NULL"))
    body: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()


class Image(Base):
    """An image of a piece of content."""

    __tablename__ = "images"

    id: Mapped[int] = id_column()
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id", ondelete="CASCADE"), index=True)
    url: Mapped[str]
    created_at: Mapped[datetime] = now_column()
