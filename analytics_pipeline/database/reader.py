"""The role of those who only read: it sees the marts and nothing else.

Here: making the role and its rights. Not here: how a mart keeps them when dbt builds it anew, which is a hook of dbt
(`dbt_summaries/macros/reading_rights.sql`).
"""

from psycopg import errors, sql
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from analytics_pipeline.database.engine import DatabaseUnavailableError
from analytics_pipeline.settings import PROJECT_DIR

READER = "analytics_reader"


def grant_reader(engine: Engine) -> list[str]:
    """Makes the role when there is none, and lets it read the marts that dbt has built; their names are returned.

    It may log in, but has no password yet. Raises DatabaseUnavailableError when there is no such role and the
    pipeline's user may not make one.
    """
    models = (PROJECT_DIR / "dbt_summaries" / "models" / "marts").glob("*.sql")
    with engine.begin() as connection:
        built = sorted({model.stem for model in models} & set(inspect(connection).get_table_names()))
        _make_role(connection)
        database = sql.Identifier(str(engine.url.database)).as_string()
        connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {READER}")
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {READER}"))
        for mart in built:
            connection.execute(text(f"GRANT SELECT ON {mart} TO {READER}"))
    return built


def _make_role(connection: Connection) -> None:
    if connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :name"), {"name": READER}):
        return
    try:
        connection.execute(text(f"CREATE ROLE {READER} LOGIN"))
    except ProgrammingError as error:
        if not isinstance(error.orig, errors.InsufficientPrivilege):
            raise
        raise DatabaseUnavailableError(
            f"there is no role {READER}, and {connection.engine.url.username} may not make it: let an administrator of "
            f"the server run CREATE ROLE {READER} LOGIN, then repeat this command"
        ) from None
