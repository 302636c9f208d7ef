"""`sync` and `sync-post`: bring figures up to date now, outside Dagster."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from analytics_pipeline.cli.console import console, errors, point_out, table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_SHOWN = 20
"""Lines of what went wrong; of a page with hundreds of deleted posts each would have its own."""


def sync(
    business: Annotated[int, typer.Option(help="Id of the business.")],
    platform: Annotated[list[str] | None, typer.Option(help="Only this platform; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the newest posts, this many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find a business's new posts and read the figures of its posts now, outside Dagster."""
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync import AnalyticsSyncService
    from analytics_pipeline.sync.results import UnitResult

    engine.upgrade()
    demo_data.refuse_unless_served(platform or ())
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    shown = Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
    with engine.new_session() as session, shown as progress:
        task = progress.add_task("posts", total=0)

        def show(unit: UnitResult) -> None:
            known = progress.tasks[0].total or 0
            progress.update(task, total=known + (unit.posts_expected or 0), advance=unit.posts_expected or 0)

        report = AnalyticsSyncService(session).sync_business_analytics(business, platform, limit, on_unit=show)
    of_these = f" on {', '.join(dict.fromkeys(platform))}" if platform else ""
    _show(report, as_json, empty=f"The business has no connected account{of_these}.")


def sync_post(
    post_id: Annotated[int, typer.Argument(help="Id of the post in published_posts.")], as_json: AsJson = False
) -> None:
    """Read the figures of one post now."""
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync import AnalyticsSyncService

    engine.upgrade()
    demo_data.refuse_unless_served()
    with engine.new_session() as session:
        report = AnalyticsSyncService(session).sync_single_post(post_id)
    _show(report, as_json)


def _show(report: dict[str, Any], as_json: bool, empty: str = "") -> None:
    """The report of a sync; exit status 1 when posts failed, or could not be looked for, but by a throttle."""
    if as_json:
        typer.echo(json.dumps(report))
    else:
        rows = [{"platform": platform, **counts} for platform, counts in report["by_platform"].items()]
        console.print(table("Synced now", rows, empty=empty))
        problems = _problems(report["errors"])
        for problem in islice(problems, _SHOWN):
            point_out(problem)
        if left := len(list(problems)):
            point_out(f"and {left} more: --json tells them all")
    unlisted = [e for e in report["errors"] if "publish_day" not in e and e["error_class"] != "throttled"]
    if report["failed"] or unlisted:
        raise typer.Exit(1)


def _problems(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each reason once for every account, with the publish days and posts it is of."""
    unlisted = {(e["platform"], e["account"]): e["message"] for e in found if "publish_day" not in e}
    yield from unlisted.values()
    of_reason: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for error in found:
        platform, account, message = error["platform"], error["account"], error["message"]
        # What kept an account from being listed keeps it from being read.
        if "publish_day" in error and not unlisted.get((platform, account), "").endswith(message):
            of_reason.setdefault((platform, account, message), []).append(error)
    for (_, account, message), same in of_reason.items():
        days = sorted({error["publish_day"] for error in same})
        posts = sorted({error["platform_post_id"] for error in same if "platform_post_id" in error})
        when = days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
        which = f", post {posts[0]}" if len(posts) == 1 else f", {len(posts)} posts" if posts else ""
        yield f"{account}, {when}{which}: {message}"
