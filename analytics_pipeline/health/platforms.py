"""Checks of what lies outside: hosts of the platforms, their clocks, and how long the API versions are good for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime

import requests

from analytics_pipeline.health.finding import Finding
from analytics_pipeline.health.own import clock
from analytics_pipeline.platform_fetchers import FETCHERS, versions
from analytics_pipeline.platform_fetchers.http import RedirectRefusedError, new_session, parse_http_date
from analytics_pipeline.platform_fetchers.meta_oauth import instagram_hosts
from analytics_pipeline.settings import get_settings, sandbox_hosts

DEADLINE_SECONDS = 10
_OF_THE_DEMO = "this is the demo's sandbox: analytics-pipeline dev serves it, analytics-pipeline demo --remove ends it"


@dataclass(frozen=True, slots=True)
class _Answer:
    """`date` is the host's clock (UTC, whole seconds), `ahead` how far it was ahead of ours, where it told."""

    url: str
    problem: str | None
    ahead: float | None


def hosts() -> Iterator[Finding]:
    """Whether each platform's host answers at all, without a token, and whether its clock agrees with ours."""
    users: dict[str, list[str]] = {}
    for platform in FETCHERS:
        for host in _hosts_of(platform):
            users.setdefault(host, []).append(platform)
    with ThreadPoolExecutor(len(users)) as pool:
        answers = list(pool.map(_knock, users))
    demo = set(sandbox_hosts(get_settings().analytics_home).values())
    for answer in answers:
        names = ", ".join(users[answer.url])
        variables = " and ".join(f"{name.upper()}_BASE_URL" for name in users[answer.url])
        if answer.problem is None:
            yield Finding("platforms", "ok", f"{names}: {answer.url} answers")
        else:
            found = f"{names}: {answer.url} does not answer ({answer.problem})"
            advice = f"check network, proxy and firewall, then {variables}"
            yield Finding("platforms", "failed", found, _OF_THE_DEMO if answer.url in demo else advice)
    for answer in answers:
        if answer.ahead is not None:
            yield clock(answer.url, answer.ahead)


def _hosts_of(platform: str) -> list[str]:
    if platform == "instagram":
        return instagram_hosts()
    return [getattr(get_settings(), f"{platform}_base_url")]


def _knock(url: str) -> _Answer:
    """One HEAD without a token. Any answer will do, even a refusal."""
    with new_session() as session:
        before = datetime.now(UTC)
        try:
            response = session.head(url + "/", timeout=DEADLINE_SECONDS, allow_redirects=False)
        except RedirectRefusedError:
            return _Answer(url, None, None)
        except requests.RequestException as error:
            return _Answer(url, _reason(error), None)
        after = datetime.now(UTC)
    theirs = parse_http_date(response.headers.get("Date"))
    if theirs is None:
        return _Answer(url, None, None)
    # Their clock read whole seconds at some moment of the exchange.
    return _Answer(url, None, (theirs - (before + (after - before) / 2)).total_seconds())


def _reason(error: requests.RequestException) -> str:
    """The kind of fault alone, the innermost that is known (NameResolutionError …): messages repeat the whole URL."""
    inner = getattr(error.args[0] if error.args else None, "reason", None)
    return type(inner or error).__name__


def api_versions(today: date | None = None) -> Iterator[Finding]:
    """Whether the API versions that the settings choose are good for a while."""
    today = today or datetime.now(UTC).date()
    for chosen in versions.in_use(get_settings()):
        platforms = ", ".join(chosen.platforms)
        if chosen.sunset is None:
            yield Finding("API versions", "ok", f"{platforms}: {chosen.version}, whose end is not announced")
            continue
        ends = f"{platforms}: {chosen.version} {{}} about {chosen.sunset}"
        advice = f"set {chosen.setting} to a newer version"
        if chosen.has_ended(today):
            yield Finding("API versions", "failed", f"{ends.format('ended')}; {chosen.after_sunset}", advice)
        elif chosen.ends_soon(today):
            yield Finding("API versions", "warning", f"{ends.format('ends')}; then {chosen.after_sunset}", advice)
        else:
            yield Finding("API versions", "ok", ends.format("ends"))
