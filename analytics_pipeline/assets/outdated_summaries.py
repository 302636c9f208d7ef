"""Summaries that another version of this software has built, with other columns or keys: dbt cannot add days to them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

_COLUMNS = text("""
select format('%I.%I', schemas.nspname, tables.relname) as name,
    array_agg(
        columns.attname || ' ' || format_type(columns.atttypid, columns.atttypmod)
        || case when columns.attnum = any(keys.conkey) then ', key' else '' end
    ) as listed
from pg_class as tables
join pg_namespace as schemas on schemas.oid = tables.relnamespace
join pg_attribute as columns on columns.attrelid = tables.oid and columns.attnum > 0 and not columns.attisdropped
left join pg_constraint as keys on keys.conrelid = tables.oid and keys.contype = 'p'
where tables.relkind = 'r' and tables.relname = any(:names)
group by 1
""")


def outdated_summaries(manifest: Mapping[str, Any], connection: Connection) -> list[str]:
    """The incremental models of a dbt manifest whose table has other columns or another key than their contract."""
    models = [node for node in manifest["nodes"].values() if node["config"]["materialized"] == "incremental"]
    found = connection.execute(_COLUMNS, {"names": [model["alias"] for model in models]})
    built = {row.name: set(row.listed) for row in found}

    def is_outdated(model: Mapping[str, Any]) -> bool:
        columns = model["columns"].values()
        key = {name for rule in model["constraints"] if rule["type"] == "primary_key" for name in rule["columns"]}
        key |= {c["name"] for c in columns for rule in c["constraints"] if rule["type"] == "primary_key"}
        wanted = {f"{c['name']} {c['data_type']}{', key' if c['name'] in key else ''}" for c in columns}
        return built.get(f"{model['schema']}.{model['alias']}", wanted) != wanted

    return [model["name"] for model in models if is_outdated(model)]
