"""`analytics-pipeline doctor`: is the installation in order, and what to do where it is not."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from analytics_pipeline.cli.console import console, say

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """Check settings, database, Dagster, dbt, key, platforms and clocks. Exit status 1 when a check failed."""
    from analytics_pipeline.health import diagnose

    if as_json:
        findings = list(diagnose())
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        findings = []
        for finding in diagnose():
            findings.append(finding)
            mark = f"[{_COLOURS[finding.state]}]{finding.state:>7}[/]"
            console.print(f"{mark}  [bold]{finding.check}[/]:", end=" ")
            say(finding.found)
            if finding.advice:
                say(f"         → {finding.advice}")
    failed = sum(finding.state == "failed" for finding in findings)
    warned = sum(finding.state == "warning" for finding in findings)
    if not as_json:
        console.print(f"{failed} failed, {warned} warnings." if failed or warned else "Everything is in order.")
    if failed:
        raise typer.Exit(1)
