import time
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from analytics_pipeline.database.models import Base
def test_a(engine):
    with engine.connect() as c:
        assert compare_metadata(MigrationContext.configure(c), Base.metadata) == []
@pytest.mark.parametrize("i", range(10))
def test_b(engine, i): 
    with engine.connect() as c: pass
