"""URLs of the databases of a test's server."""

from sqlalchemy import URL, make_url

from analytics_pipeline.database import embedded


def url_of(server: embedded.EmbeddedServer, name: str) -> URL:
    return make_url(server.url(name)).set(drivername="postgresql+psycopg")


def as_guest(server: embedded.EmbeddedServer, name: str, password: str) -> URL:
    return url_of(server, name).set(username="guest", password=password)
