"""The demo's world and rows: made anew by every demo, told apart from a user's own data by their owner."""

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, func, inspect, select, text

from analytics_pipeline.database import engine
from analytics_pipeline.database.models import Business, SocialAccount, SyncUnit, User
from analytics_pipeline.sandbox.generator import generate_world
from analytics_pipeline.sandbox.model import Post
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World, load_world, write_world
from analytics_pipeline.settings import PROJECT_DIR, get_settings, sandbox_env_file, sandbox_hosts
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.errors import InvalidRequestError

OWNER = "demo@analytics-pipeline.invalid"
SEED = 7


def foreign_businesses() -> int:
    """How many businesses the database holds that are not a demo's."""
    demo = select(User.id).where(User.email == OWNER)
    foreign = select(func.count()).where(Business.user_id.is_(None) | Business.user_id.not_in(demo))
    with engine.new_session() as session:
        return session.scalars(foreign).one()


def refuse_foreign_data() -> None:
    """Raises InvalidRequestError where real businesses are kept: the demo must not turn their accounts to a sandbox."""
    if foreign := foreign_businesses():
        raise InvalidRequestError(
            f"this database holds {foreign} businesses of yours; run the demo beside them: "
            "ANALYTICS_HOME=/tmp/demo DATABASE_URL= DAGSTER_DATABASE_URL= analytics-pipeline demo"
        )


def forget() -> bool:
    """Removes what an earlier demo left: businesses with all that is theirs, summaries, the sandbox's addresses.

    True where there was one. Then all tables of dbt are gone, those of other businesses included, until the next build,
    whichever days it is for.
    """
    with engine.new_session() as session, session.begin():
        owned = select(Business.id).join(User, User.id == Business.user_id).where(User.email == OWNER)
        ids = list(session.scalars(owned))
        if ids:
            _drop_summaries(session.connection())
        session.execute(delete(Business).where(Business.id.in_(ids)))
        session.execute(delete(User).where(User.email == OWNER))
    sandbox_env_file(get_settings().analytics_home).unlink(missing_ok=True)
    get_settings.cache_clear()
    return bool(ids)


def _drop_summaries(connection: Connection) -> None:
    """Drops every table that dbt has built.

    Not only the demo's rows: some tables hold figures of all businesses together, and a build of some days leaves the
    other days as they are. A table that is not there is built for all of time.
    """
    models = {model.stem for model in (PROJECT_DIR / "dbt_summaries" / "models").rglob("*.sql")}
    for table in models & set(inspect(connection).get_table_names()):
        connection.execute(text(f"DROP TABLE {table} CASCADE"))  # as dbt itself, where it builds one anew


def new_world(now: datetime, days: int) -> World:
    """A fresh world up to `now`, kept in ANALYTICS_HOME so that `dev` can serve it again."""
    folder = get_settings().analytics_home / "demo_world"
    write_world(generate_world(SEED, now, businesses=3, days=days), folder)
    return load_world(folder)


@contextmanager
def sandbox(world: World) -> Iterator[SandboxServer]:
    """Serves the world, and makes this process and later ones call it instead of the platforms."""
    with SandboxServer(world, port=0) as server:
        lines = [f"{name}={url}\n" for name, url in server.environment.items()]
        sandbox_env_file(get_settings().analytics_home).write_text("".join(lines))
        get_settings.cache_clear()
        yield server


@contextmanager
def last_sandbox() -> Iterator[SandboxServer | None]:
    """The sandbox of the last demo, served again; None where there is no demo."""
    home = get_settings().analytics_home
    if not sandbox_env_file(home).exists() or not (home / "demo_world").exists():
        yield None
        return
    with sandbox(load_world(home / "demo_world")) as server:
        yield server


def refuse_unless_served(platforms: Collection[str] = ()) -> None:
    """Raises InvalidRequestError where accounts call the demo's sandbox and nobody serves it: every day would fail.

    `platforms`: those to be called, all without any.
    """
    settings = get_settings()
    for name, url in sandbox_hosts(settings.analytics_home).items():
        if platforms and name.partition("_")[0].lower() not in platforms:
            continue
        if getattr(settings, name.lower(), None) != url:
            continue  # the environment names another host, which comes first
        address = urlsplit(url)
        try:
            socket.create_connection((address.hostname, address.port or 80), timeout=2).close()
        except OSError:
            raise InvalidRequestError(
                "the demo's sandbox is not served: analytics-pipeline dev serves it, in another terminal; "
                "analytics-pipeline demo --remove ends it"
            ) from None


def connect_accounts(world: World) -> None:
    """Connects every account of the world to its business."""
    with engine.new_session() as session, session.begin():
        owner = User(email=OWNER)
        session.add(owner)
        session.flush()
        businesses: dict[str, Business] = {}
        for account in world.accounts:
            if account.business not in businesses:
                businesses[account.business] = Business(
                    user_id=owner.id, name=account.business, timezone=account.timezone or "UTC"
                )
                session.add(businesses[account.business])
                session.flush()
            connect(
                session,
                businesses[account.business],
                account.platform,
                account.external_id,
                account.access_token,
                display_name=account.display_name,
            )


def until_a_post_is_deleted(world: World, sandbox: SandboxServer) -> Post:
    """Moves the sandbox's clock on to when a post vanishes from its platform, and says which."""
    post = next(post for post in world.posts if post.deleted_at is not None)
    if post.deleted_at is not None:
        sandbox.clock.set(post.deleted_at)
    return post


def next_due() -> datetime | None:
    """When the first waiting unit of a connected account may be tried again (UTC)."""
    with engine.new_session() as session:
        return session.scalar(
            select(func.min(SyncUnit.next_attempt_at))
            .join(SocialAccount, SocialAccount.id == SyncUnit.social_account_id)
            .where(SyncUnit.state == "waiting", SocialAccount.status == "connected")
        )
