"""How one sync unit is done: plan, ledger, listing, reading. Knows no Dagster."""

from analytics_pipeline.sync.errors import InvalidRequestError
from analytics_pipeline.sync.service import AnalyticsSyncService

__all__ = ["AnalyticsSyncService", "InvalidRequestError"]
