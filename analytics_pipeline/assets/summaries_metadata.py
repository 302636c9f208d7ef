"""What the UI shows of a summary that was built: how many rows the table has, and which columns its columns come from.

dagster-dbt's own `fetch_column_metadata()` cannot see through ephemeral models, as all our staging is, and takes
seconds in every run. Not here: columns and their types, which dagster-dbt knows from the contracts.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import dagster as dg
import sqlglot
from dagster import TableColumnDep, TableColumnLineage
from dagster_dbt import DagsterDbtTranslator, DbtProject
from sqlalchemy import Connection, func, select, table
from sqlglot import exp
from sqlglot.lineage import lineage

from analytics_pipeline.database.models import Base

_DIALECT = "postgres"
Columns: TypeAlias = dict[str, list[tuple[str, str]]]
"""Column → the (table, column) pairs that it is made of."""


class SummariesMetadata:
    """Metadata for the materializations of one dbt invocation."""

    def __init__(
        self, manifest: Mapping[str, Any], target: Path, translator: DagsterDbtTranslator, project: DbtProject
    ) -> None:
        """`target`: where dbt puts the SQL that it ran."""
        self._nodes = manifest["nodes"]
        self._target = target
        self._keys: dict[str, list[dg.AssetKey]] = defaultdict(list)
        """Table → its assets; the tables of raw figures are assets of every platform."""
        for name, node in {**manifest["sources"], **manifest["nodes"]}.items():
            if node["resource_type"] in ("model", "source"):
                key = translator.get_asset_spec(manifest, name, project).key
                self._keys[node.get("identifier") or node["alias"]].append(key)
        raw = {name: list(raw.columns.keys()) for name, raw in Base.metadata.tables.items()}
        built = {node["alias"]: list(node["columns"]) for node in self._nodes.values() if node.get("columns")}
        self._tables = raw | built
        self._cache = project.manifest_path.with_name("column_lineage.json")
        self._version = manifest["metadata"]["invocation_id"]

    def of(self, unique_id: str, connection: Connection) -> dict[str, Any]:
        """Rows and column lineage of a model that was just built."""
        node = self._nodes[unique_id]
        rows = connection.scalar(select(func.count()).select_from(table(node["alias"], schema=node["schema"])))
        deps = {
            column: [TableColumnDep(key, of_column) for name, of_column in pairs for key in self._keys[name]]
            for column, pairs in self._columns(unique_id).items()
        }
        return {"dagster/row_count": rows, "dagster/column_lineage": TableColumnLineage(deps)}

    def _columns(self, unique_id: str) -> Columns:
        """Read out of the SQL once per version of the project, as that takes up to a second per model."""
        known: dict[str, Any] = json.loads(self._cache.read_text()) if self._cache.exists() else {}
        if known.get("version") != self._version:
            known = {"version": self._version}
        if unique_id not in known:
            node = self._nodes[unique_id]
            sql = (self._target / "compiled" / node["package_name"] / node["original_file_path"]).read_text()
            known[unique_id] = column_lineage(sql, self._tables, ignore=node["alias"])
            partial = self._cache.with_suffix(".partial")
            partial.write_text(json.dumps(known))
            partial.replace(self._cache)
        return {column: [(name, of) for name, of in pairs] for column, pairs in known[unique_id].items()}


def column_lineage(sql: str, tables: Mapping[str, Sequence[str]], *, ignore: str) -> Columns:
    """What the columns of a query are made of, filters and keys of joins aside.

    `tables`: every table that it reads, with its columns. `ignore`: a table to leave out, the one that the query fills.
    """
    schema = {name: dict.fromkeys(columns, "text") for name, columns in tables.items()}  # types make no difference
    tree = sqlglot.parse_one(sql, dialect=_DIALECT)
    for found in tree.find_all(exp.Table):  # without schema and database, which may have another name elsewhere
        found.set("db", None)
        found.set("catalog", None)
    for lateral in tree.find_all(exp.Lateral):  # of which all columns would count, so it is left where it has no table
        if isinstance(lateral.this, exp.Subquery) and lateral.this.find(exp.From):
            lateral.replace(exp.Subquery(this=lateral.this.this, alias=lateral.args["alias"]))
    columns: Columns = {}
    for column, root in lineage(None, tree, schema=schema, dialect=_DIALECT, copy=False).items():
        leaves = [node for node in root.walk() if not node.downstream and isinstance(node.expression, exp.Table)]
        pairs = {(node.expression.name, node.name.rpartition(".")[2].strip('"')) for node in leaves}
        columns[column] = sorted(pair for pair in pairs if pair[0] != ignore)
    return columns
