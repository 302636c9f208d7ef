"""The asset of whole accounts' figures in real Dagster runs, over a real database and a scripted platform."""

from logging import WARNING
from types import SimpleNamespace

import dagster as dg
import pytest
from sqlalchemy.orm import Session

from analytics_pipeline import runs
from analytics_pipeline.assets.account_analytics import account_analytics_asset
from analytics_pipeline.database.models import Business
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sync.accounts import connect
from tests.sync.scripted import Platform

KEY = dg.AssetKey(["linkedin", "account_analytics"])


@pytest.fixture
def accounts(session: Session) -> list[int]:
    """Ids of a LinkedIn account, of a disconnected one, and of one on X."""
    business = Business(name="Acme")
    session.add(business)
    session.flush()
    made = [
        connect(session, business, platform, number, f"token-of-{number}")
        for platform, number in (("linkedin", "10"), ("linkedin", "20"), ("twitter", "30"))
    ]
    made[1].status = "disconnected"
    session.commit()
    return [account.id for account in made]


def read(instance: dg.DagsterInstance, ids: list[int]) -> dg.ExecuteInProcessResult:
    """A run of 1 September, of these accounts; a failed one is a result."""
    platform = Platform()
    return dg.materialize(
        [account_analytics_asset("linkedin")],
        instance=instance,
        resources={
            "database": DatabaseResource(),
            "linkedin": SimpleNamespace(fetcher=platform.fetcher, now=lambda: platform.now),
        },
        partition_key="2026-09-01",
        run_config={"ops": {"linkedin__account_analytics": {"config": {"accounts": ids}}}},
        raise_on_error=False,
    )


def warnings(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    """What the run warned of."""
    return [record.user_message for record in instance.all_logs(result.run_id) if record.level == WARNING]


def test_ids_that_no_account_of_the_platform_has_are_no_success(accounts: list[int]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = read(instance, [*accounts[1:], 999])
        assert not result.success
        assert runs.problems([result]) == [
            "No figures were read: no linkedin account has the id 3, 999: analytics-pipeline accounts list shows them"
        ]
        assert instance.get_materialized_partitions(KEY) == set()


def test_a_wrong_id_costs_the_others_nothing_and_is_named(accounts: list[int]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = read(instance, [accounts[0], 999])
        assert result.success
        assert instance.get_materialized_partitions(KEY) == {"2026-09-01"}
        assert warnings(instance, result) == [
            "no linkedin account has the id 999: analytics-pipeline accounts list shows them"
        ]


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside another"])
def test_an_account_that_was_disconnected_while_the_run_queued_is_no_failure(accounts: list[int], others: int) -> None:
    """A schedule asks for the accounts that are owed figures by their ids, and a person may remove one before they are read."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = read(instance, [*accounts[:others], accounts[1]])
        assert result.success
        assert warnings(instance, result) == ["no longer connected, so not read: linkedin account 2"]
        (event,) = result.get_asset_materialization_events()
        table = event.materialization.metadata["accounts"]
        assert isinstance(table, dg.TableMetadataValue)
        assert [record.data["account"] for record in table.records] == ["10"][:others]
