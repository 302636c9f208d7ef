"""Which database is used, the engines and sessions on it, and bringing its tables up to date.

Here: URLs for every driver that needs one, clear errors. Not here: tables (`models.py`), bulk writes (`writes.py`).
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from analytics_pipeline.database import embedded
from analytics_pipeline.settings import get_settings

EMBEDDED_DATABASE = "analytics"
_OUR_DRIVER = "postgresql+psycopg"
_DAGSTER_DRIVER = "postgresql+psycopg2"
_MAINTENANCE_DATABASE = "postgres"
OLDEST_SERVER = 14
"""The first with `client_connection_check_interval`, and with `hash_record_extended`, of which the summaries make use."""
_SCHEMA = "public"
"""Where dbt's sources, and what it builds, are."""
_CONNECT_SECONDS = 10
_MIGRATION_LOCK = 7_241_905_301  # any number: the pipeline's only advisory lock of this width
_LOOK_FOR_CLIENT = "SET client_connection_check_interval = '10s'"
"""While a statement runs, or waits for a lock."""
_OF_DBTS_PROFILE = {"host", "port", "user", "password", "dbname"}


class DatabaseUnavailableError(RuntimeError):
    """The database cannot be used. The message names host, user and database and what to do, and holds no password."""


class DatabaseMissingError(DatabaseUnavailableError):
    """The server answers, but has no database of that name."""


# --- URLs


@lru_cache(maxsize=1)
def embedded_server() -> embedded.EmbeddedServer:
    """This process's share in the embedded server, which is started when it is down; held until the process ends."""
    return embedded.start(get_settings().analytics_home / "postgres")


def database_url() -> URL:
    """The pipeline's database, for psycopg 3: DATABASE_URL, else the embedded server (started when it is down)."""
    if get_settings().database_url is None:
        embedded_server()
    return _url_as_it_is()


def _url_as_it_is() -> URL:
    """As database_url, but starts nothing."""
    configured = get_settings().database_url
    if configured is None:
        url = embedded.url(get_settings().analytics_home / "postgres", EMBEDDED_DATABASE)
        return _parse(url, "the embedded server").set(drivername=_OUR_DRIVER)
    return _parse(configured.get_secret_value(), "DATABASE_URL").set(drivername=_OUR_DRIVER)


def dagster_database_url() -> URL:
    """Dagster's own database, for psycopg2; created when missing. Raises DatabaseUnavailableError."""
    configured = get_settings().dagster_database_url
    if configured is None:
        ours = database_url()
        url = ours.set(database=f"{ours.database}_dagster")
    else:
        url = _parse(configured.get_secret_value(), "DAGSTER_DATABASE_URL")
    create_database_if_missing(url)
    return url.set(drivername=_DAGSTER_DRIVER)


def dbt_environment() -> dict[str, str]:
    """What `analytics-dbt` and `dbt_summaries/profiles.yml` read from the environment. Holds the password: never to be logged.

    Starts nothing: whoever lets dbt connect has a session, for the server to be up. Raises DatabaseUnavailableError for
    hosts of different ports.
    """
    arguments = _connect_arguments(_url_as_it_is())
    environment = {
        "DBT_HOST": arguments.get("host", "localhost"),
        "DBT_PORT": _port_of_all_hosts(str(arguments.get("port", ""))),
        "DBT_USER": arguments.get("user", ""),
        "DBT_PASSWORD": arguments.get("password", ""),
        "DBT_DATABASE": arguments["dbname"],
    }
    # dbt's profile has no place for the others. `dbt_command.py` gives them the names by which libpq reads them: the process
    # of a run, whose environment this becomes, has connections to Dagster's server too.
    for known in psycopg.pq.Conninfo.get_defaults():
        name = known.keyword.decode()
        if known.envvar and name in arguments and name not in _OF_DBTS_PROFILE:
            environment[f"DBT_{known.envvar.decode()}"] = str(arguments[name])
    return environment


def _port_of_all_hosts(ports: str) -> str:
    """Of libpq's list, which has a place for each host; dbt's profile has one port for all. An empty place is the default."""
    distinct = sorted({port or "5432" for port in ports.split(",")})
    if len(distinct) > 1:
        raise DatabaseUnavailableError(
            f"DATABASE_URL gives its hosts several ports ({', '.join(distinct)}), but dbt knows one for all of them: "
            "let every server listen on the same port"
        )
    return distinct[0]


def libpq_url(url: URL) -> str:
    """For psql and everything else that libpq serves, password included: of spaces it knows `%20` alone."""
    rendered = url.set(drivername="postgresql").render_as_string(hide_password=False)
    place, mark, options = rendered.partition("?")
    return place.replace(" ", "%20") + mark + options.replace("+", "%20")  # before the mark a plus is itself


def _parse(given: str, origin: str) -> URL:
    """The URL without a driver. `given` may hold a password, so no message repeats it."""
    form = "write postgresql://user:password@host:port/name"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailableError(f"{origin} is no URL of a database: {form}") from None
    kind = url.drivername.partition("+")[0]
    if kind not in ("postgresql", "postgres"):
        raise DatabaseUnavailableError(f"{origin} begins with {kind}://, but only PostgreSQL is supported: {form}")
    if not url.database:
        raise DatabaseUnavailableError(f"{origin} names no database: {form}")
    return url.set(drivername="postgresql")


# --- connections


def _connect_arguments(url: URL) -> dict[str, Any]:
    """The URL as libpq's keywords, as SQLAlchemy itself would pass them (several hosts, options …)."""
    return dict(create_engine(url.set(drivername=_OUR_DRIVER)).dialect.create_connect_args(url)[1])


def _connect(url: URL, **others: Any) -> "psycopg.Connection[Any]":
    """`others` are libpq's keywords too, and overrule the URL."""
    arguments: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": "analytics_pipeline"}
    connection = psycopg.connect(**(arguments | _connect_arguments(url) | others))
    if complaint := too_old(connection.info.server_version):
        connection.close()
        raise DatabaseUnavailableError(complaint)
    return connection


def too_old(version: int) -> str | None:
    """What is wrong with a server of that version, as libpq tells it: 140005 is 14.5."""
    if version >= OLDEST_SERVER * 10_000:
        return None
    return f"the server is PostgreSQL {version // 10_000}, but the pipeline needs {OLDEST_SERVER} or newer"


def _connect_or_explain(url: URL) -> "psycopg.Connection[Any]":
    """Raises DatabaseUnavailableError in place of the driver's errors."""
    try:
        return _connect(url)
    except psycopg.Error as error:
        arguments = _connect_arguments(url)
        host, user = arguments.get("host", "localhost"), arguments.get("user", "the default user")
        where = f"database {url.database!r} on {host} as {user}"
        if not isinstance(error, psycopg.errors.ConnectionTimeout) and _is_missing(url):
            raise DatabaseMissingError(
                f"{where} does not exist: `analytics-pipeline db upgrade` creates it if {user} has the right to, "
                f'else run: CREATE DATABASE "{url.database}" OWNER "{user}"'
            ) from None
        asked = error.pgconn and (error.pgconn.used_password or error.pgconn.needs_password)
        advice = "check user and password" if asked else "check that the server runs and that host and port are right"
        raise DatabaseUnavailableError(f"cannot use {where} ({advice}): {str(error).strip()}") from None


def _is_missing(url: URL) -> bool:
    """While connecting, libpq tells no error code, and the server's words depend on its language: look it up instead."""
    try:
        with _connect(url, dbname=_MAINTENANCE_DATABASE) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [url.database])
            return known.rowcount == 0
    except psycopg.Error:
        return False


def create_database_if_missing(url: URL) -> None:
    """Create the database a URL names, unless it exists. Raises DatabaseUnavailableError, also without the right to."""
    try:
        _connect_or_explain(url).close()
    except DatabaseMissingError as missing:
        with _connect(url, dbname=_MAINTENANCE_DATABASE, autocommit=True) as connection:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(str(url.database))))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                pass  # another process was first
            except psycopg.errors.InsufficientPrivilege:
                raise DatabaseUnavailableError(str(missing)) from None
            except psycopg.errors.ReadOnlySqlTransaction:
                raise DatabaseUnavailableError(
                    f"this server takes no writes, so let the URL name the one that does: {missing}"
                ) from None


def _connect_to_work(url: URL) -> "psycopg.Connection[Any]":
    """As the code takes it for granted, whatever the server, the database or the user has by default.

    Locks of a worker end with its connection, so the server has to notice that a worker's machine is gone.
    """
    connection = _connect_or_explain(url)
    connection.autocommit = True
    connection.execute(
        "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6;"
        " SET DateStyle = 'ISO';"  # psycopg reads moments in no other
        " SET default_transaction_isolation = 'read committed'"  # who waited for a row, or a lock, has to see what was done
    )
    with suppress(psycopg.errors.InvalidParameterValue):  # a server on Windows cannot look
        connection.execute(_LOOK_FOR_CLIENT)
    connection.autocommit = False
    return connection


def _engine(
    url: URL, connect: Callable[[URL], "psycopg.Connection[Any]"] = _connect_or_explain, **options: Any
) -> Engine:
    # Tokens are among the parameters, not yet encrypted: the errors of statements must not repeat them.
    return create_engine(url, creator=lambda: _of_characters(connect(url)), hide_parameters=True, **options)


def _of_characters(connection: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
    if connection.info.encoding != "ascii":  # psycopg's word for SQL_ASCII, whatever the database's own is
        return connection
    name = connection.info.dbname
    connection.close()
    raise DatabaseUnavailableError(
        f"database {name!r} is read in the encoding SQL_ASCII, of which no text can be made: move what is in it by pg_dump "
        "and pg_restore into a database made with ENCODING 'UTF8' TEMPLATE template0, or write ?client_encoding=utf8 at the "
        "end of DATABASE_URL (&client_encoding=utf8 after another option), where lengths of texts are counted in bytes"
    )


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """The engine of this process. Connections are tested when taken: a restarted server costs no sync unit.

    A connection that cannot be made raises DatabaseUnavailableError.
    """
    # Twice as many accounts as calls may be under way: each holds its lock on one connection, and takes another for a moment,
    # to count a call or to store a page; two more for the run itself and its sign of life. A connection beyond the pool would
    # be made anew for every page.
    pool_size = 4 * get_settings().sync_threads + 2
    return _engine(database_url(), _connect_to_work, pool_pre_ping=True, pool_size=pool_size)


def new_session(engine: Engine | None = None) -> Session:
    """A session on `engine`, by default this process's. Objects stay readable after commit."""
    return Session(engine or get_engine(), expire_on_commit=False)


# --- migrations


def upgrade(url: URL | None = None) -> None:
    """Create the database when missing and bring its tables to the newest state; two at once: one after the other.

    Raises DatabaseUnavailableError.
    """
    url = url or database_url()
    create_database_if_missing(url)
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()  # the lock belongs to the connection, not to this transaction
            config = _alembic_config()
            config.attributes["connection"] = connection
            present = _revisions(connection)
            unknown = present - {script.revision for script in _scripts().walk_revisions()}
            if unknown:
                raise DatabaseUnavailableError(
                    f"the tables of database {url.database!r} are those of a newer version of the pipeline "
                    f"(revision {', '.join(sorted(unknown))}): update the pipeline"
                )
            if present != set(_scripts().get_heads()):
                _refuse_useless_schema(connection)
            command.upgrade(config, "head")
    finally:
        engine.dispose()  # closes the connection, and with it frees the lock


def schema_is_current(url: URL | None = None) -> bool:
    """Whether the database exists with the tables of this version of the code. Raises DatabaseUnavailableError."""
    engine = _engine(url or database_url())
    try:
        with engine.connect() as connection:
            present = _revisions(connection)
    except DatabaseMissingError:
        return False
    finally:
        engine.dispose()
    return present == set(_scripts().get_heads())


def _refuse_useless_schema(connection: Connection) -> None:
    """Where tables cannot be made, or where they are, or would be, elsewhere than dbt looks for them."""
    user, database, here, ours, known, of_others, allowed = connection.execute(
        text(
            "SELECT quote_ident(current_user), quote_ident(current_database()), current_schema(),"
            " (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('alembic_version')),"
            " schema IS NOT NULL, EXISTS (SELECT FROM pg_class WHERE relnamespace = schema),"
            " has_schema_privilege(schema, 'USAGE') AND has_schema_privilege(schema, 'CREATE')"
            " FROM (SELECT to_regnamespace(:schema)::oid AS schema) AS found"
        ),
        {"schema": _SCHEMA},
    ).one()
    connection.rollback()
    if ours not in (None, _SCHEMA):
        if of_others:
            raise DatabaseUnavailableError(
                f"the tables of database {database} are in the schema {ours}, but dbt looks for them in {_SCHEMA}, where "
                f"there are tables of others: move {ours} into a database of its own (pg_dump --schema={ours}, pg_restore), "
                "then give this command again with the URL of that one"
            )
        aside = f"ALTER SCHEMA {_SCHEMA} RENAME TO {_SCHEMA}_before; " if known else ""
        raise DatabaseUnavailableError(
            f"the tables of database {database} are in the schema {ours}, but dbt looks for them in {_SCHEMA}: let an "
            f"administrator run {aside}ALTER SCHEMA {ours} RENAME TO {_SCHEMA}"
        )
    if not known:
        raise DatabaseUnavailableError(
            f"database {database} has no schema {_SCHEMA}: make it, or let an administrator "
            f"run CREATE SCHEMA {_SCHEMA} AUTHORIZATION {user}"
        )
    if not allowed:
        raise DatabaseUnavailableError(
            f"{user} may not make tables in the schema {_SCHEMA} of database {database}: let an administrator "
            f"run GRANT USAGE, CREATE ON SCHEMA {_SCHEMA} TO {user}"
        )
    if here != _SCHEMA:
        raise DatabaseUnavailableError(
            f"by its search_path {user} does not make tables of database {database} in the schema {_SCHEMA}, where dbt "
            f"looks for them: take search_path out of the options of DATABASE_URL if it is there, else "
            f"run ALTER ROLE {user} IN DATABASE {database} SET search_path = {_SCHEMA}"
        )


def _revisions(connection: Connection) -> set[str]:
    found = set(MigrationContext.configure(connection).get_current_heads())
    connection.rollback()  # Alembic commits only what it began itself
    return found


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic_config())


def _alembic_config() -> Config:
    config = Config()
    # A config file's reader takes % for the start of a placeholder.
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config
