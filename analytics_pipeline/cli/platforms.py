"""`analytics-pipeline platforms`: which figure comes from where, and which are left out at present."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from analytics_pipeline.cli.console import Cell, console, markdown, table
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.catalog import ACCOUNT_METRICS, POST_METRICS, MetricSource, unit_of

_TITLES = {"post": "Figures of posts", "account": "Figures of accounts by day"}
_PAGE = """# Metrics

Which figure comes from where, per platform. Made by `analytics-pipeline platforms --markdown`, from what the fetchers
themselves go by. What each column means is in [data.md](data.md).

- **exact**: the platform's own figure. **derived**: made of its figures by the rule in the note.
- **by permission**: exact or derived, but only with a scope, role, plan or setting that the note names.
- **not offered**: always NULL.

A metric that a platform retires, or that an account's token may not see, is left out for a day, then asked for once more.
`analytics-pipeline platforms` shows which are left out at present.
"""


def platforms(
    platform: Annotated[str | None, typer.Option(help="Only this platform, with endpoints and notes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/metrics.md.")] = False,
) -> None:
    """Show which metric each platform gives, how it is come by, and which are left out because they failed a call."""
    from analytics_pipeline.sync.errors import InvalidRequestError

    if as_json and markdown:
        raise InvalidRequestError("give --json or --markdown, not both")
    if platform is not None and platform not in FETCHERS:
        raise InvalidRequestError(f"unknown platform {platform!r}: choose from {', '.join(FETCHERS)}")
    chosen = [platform] if platform else list(FETCHERS)
    if markdown:
        typer.echo(page(chosen), nl=False)
        return
    left_out = _left_out(chosen)
    if as_json:
        rows = [_row(name, source) for name in chosen for source in FETCHERS[name].catalog]
        typer.echo(json.dumps({"metrics": rows, "left_out": left_out}, default=lambda moment: moment.isoformat()))
        return
    for level, title in _TITLES.items():
        if platform:
            details = [_row(platform, s) for s in _of_level(platform, level)]
            shown = [{k: v or None for k, v in row.items() if k not in ("platform", "level")} for row in details]
            console.print(table(f"{title}: {platform}", shown, empty=""))
        else:
            console.print(table(title, _matrix(chosen, level), empty=""))
    console.print(
        table("Left out at present, since they failed a call", left_out, empty="No metric is left out at present.")
    )
    if platform is None:
        console.print("Endpoints and notes: analytics-pipeline platforms --platform NAME")


def page(chosen: Sequence[str]) -> str:
    """The page docs/metrics.md."""
    parts = [_PAGE]
    for level, title in _TITLES.items():
        parts.append(f"\n## {title}\n\n{markdown(_matrix(chosen, level))}")
    for name in chosen:
        for level, title in _TITLES.items():
            rows = [
                {"metric": f"`{s.metric}`", "unit": unit_of(s.metric), "how": s.how, "source": s.source, "note": s.note}
                for s in _of_level(name, level)
            ]
            parts.append(f"\n## {name}: {title[0].lower()}{title[1:]}\n\n{markdown(rows)}")
    return "".join(parts)


def _of_level(platform: str, level: str) -> list[MetricSource]:
    order = {name: place for place, name in enumerate((*POST_METRICS, *ACCOUNT_METRICS))}
    found = [source for source in FETCHERS[platform].catalog if source.level == level]
    return sorted(found, key=lambda source: order[source.metric])


def _matrix(chosen: Sequence[str], level: str) -> list[dict[str, Cell]]:
    how = {(name, source.metric): source.how for name in chosen for source in _of_level(name, level)}
    metrics = POST_METRICS if level == "post" else ACCOUNT_METRICS
    return [
        {"metric": metric, "unit": unit_of(metric), **{name: how[name, metric] for name in chosen}}
        for metric in metrics
    ]


def _row(platform: str, source: MetricSource) -> dict[str, Cell]:
    return {
        "platform": platform,
        "level": source.level,
        "metric": source.metric,
        "unit": unit_of(source.metric),
        "how": source.how,
        "source": source.source,
        "note": source.note,
    }


def _left_out(chosen: Sequence[str]) -> list[dict[str, Cell]]:
    """Metrics that failed a call within the last day, and the figures that are unknown because of it."""
    from sqlalchemy import func, select

    from analytics_pipeline.database import engine
    from analytics_pipeline.database.models import SocialAccount
    from analytics_pipeline.sync import retired

    engine.upgrade()
    named = select(SocialAccount.id, func.coalesce(SocialAccount.display_name, SocialAccount.external_id)).where(
        SocialAccount.platform.in_(chosen), SocialAccount.is_active, SocialAccount.status != "disconnected"
    )
    with engine.new_session() as session:
        accounts = {str(account): name for account, name in session.execute(named)}
        return [
            {
                "platform": row.platform,
                "account": accounts.get(row.scope, "all"),
                "metric": row.metric,
                "found (UTC)": row.found_at,
                "asked again (UTC)": row.found_at + retired.RETIRED_FOR,
                "figures unknown": ", ".join(_fed_by(row.platform, row.metric)) or None,
            }
            for row in retired.left_out(session, chosen, datetime.now(UTC))
            if row.scope == retired.APP or row.scope in accounts
        ]


def _fed_by(platform: str, retired: str) -> Iterable[str]:
    names = {retired, retired.rpartition("/")[2]}
    return dict.fromkeys(source.metric for source in FETCHERS[platform].catalog if names & set(source.asked))
