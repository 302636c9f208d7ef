"""The scopes that Instagram wants to see granted, by the login of the account (instagram.md section 1)."""

from analytics_pipeline.sandbox.graph_errors import GraphError
from analytics_pipeline.sandbox.graph_session import granted
from analytics_pipeline.sandbox.model import Account


def require_basic_scope(owner: Account) -> None:
    """What all reading needs. Raises GraphError #10."""
    _require(owner, *_basic(owner))


def require_insights_scope(owner: Account) -> None:
    """What insights need. Raises GraphError #10."""
    insights = "instagram_business_manage_insights" if owner.login == "instagram" else "instagram_manage_insights"
    _require(owner, insights, *_basic(owner))


def _basic(owner: Account) -> tuple[str, ...]:
    if owner.login == "instagram":
        return ("instagram_business_basic",)
    return ("instagram_basic", "pages_read_engagement")


def _require(owner: Account, *scopes: str) -> None:
    if not granted(owner, *scopes):
        raise GraphError(10, "(#10) Application does not have permission for this action", status=403)
