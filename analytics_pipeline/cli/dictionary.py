"""The page docs/data-dictionary.md: marts and metrics as their contracts in `dbt_summaries/` describe them.

Not here: the command that prints it (`database.py`), the descriptions (dbt's yml files).
"""

from collections.abc import Mapping
from typing import Any

from analytics_pipeline.cli.console import markdown

_PAGE = """# Data dictionary

What an analyst reads: the marts, and the metrics of the semantic layer. Made by `analytics-pipeline db dictionary`, from
the contracts in `dbt_summaries/models`, by which dbt makes the tables and refuses others. The tables that the marts are
built from are in [data.md](data.md).
"""


def page(manifest: Mapping[str, Any]) -> str:
    """The page, from dbt's manifest."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    marts = sorted((model for model in models if "marts" in model["fqn"]), key=lambda mart: str(mart["name"]))
    parts = [_PAGE, "\n", *(f"- [{mart['name']}](#{mart['name']})\n" for mart in marts), "- [metrics](#metrics)\n"]
    for mart in marts:
        key = [name for each in mart["constraints"] if each["type"] == "primary_key" for name in each["columns"]]
        parts.append(f"\n## {mart['name']}\n\n{_line(mart['description'])}\n\n")
        parts.append(f"Key: {', '.join(f'`{name}`' for name in key)}. Owner: {mart['config']['meta']['owner']}.\n\n")
        rows = [
            {
                "column": f"`{column['name']}`",
                "type": column["data_type"],
                "NULL": "never" if column["name"] in key or _is_never_null(column) else "possible",
                "meaning and unit": _line(column["description"]),
            }
            for column in mart["columns"].values()
        ]
        parts.append(markdown(rows))
    metrics = sorted(manifest["metrics"].values(), key=lambda metric: str(metric["name"]))
    parts.append(
        "\n## metrics\n\nBy business, platform and day (UTC) or longer, of posts published then; those of other days say so.\n\n"
    )
    parts.append(
        markdown(
            [
                {
                    "metric": f"`{metric['name']}`",
                    "label": metric["label"],
                    "meaning and unit": _line(metric["description"]),
                }
                for metric in metrics
            ]
        )
    )
    return "".join(parts)


def _is_never_null(column: Mapping[str, Any]) -> bool:
    return any(constraint["type"] == "not_null" for constraint in column["constraints"])


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
