"""Hosts that answer, hosts that do not, clocks that are wrong, versions that end."""

import socket
from datetime import date, timedelta
from pathlib import Path

import pytest

from analytics_pipeline.health import platforms
from analytics_pipeline.platform_fetchers import meta_oauth, versions
from analytics_pipeline.settings import get_settings, sandbox_env_file
from tests.health.conftest import Configure, host, states

VARIABLES = ("LINKEDIN_BASE_URL", "TWITTER_BASE_URL", "FACEBOOK_BASE_URL", "INSTAGRAM_BASE_URL")


@pytest.fixture
def closed() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("status", [200, 302, 401, 404, 503])
def test_any_answer_means_reachable(configure: Configure, status: int) -> None:
    with host(status) as url:
        configure(**dict.fromkeys(VARIABLES, url))
        reached, *clocks = platforms.hosts()
    assert (reached.state, reached.found) == ("ok", f"linkedin, twitter, facebook, instagram: {url} answers")
    assert [clock.state for clock in clocks] == ([] if status == 302 else ["ok"])


def test_a_host_that_does_not_answer_leaves_the_others(configure: Configure, closed: str) -> None:
    with host() as url:
        configure(**dict.fromkeys(VARIABLES, url) | {"TWITTER_BASE_URL": closed})
        found = {finding.found: finding for finding in platforms.hosts() if finding.check == "platforms"}
    assert found[f"linkedin, facebook, instagram: {url} answers"].state == "ok"
    failed = found[f"twitter: {closed} does not answer (NewConnectionError)"]
    assert (failed.state, failed.advice.endswith("then TWITTER_BASE_URL")) == ("failed", True)


def test_the_sandbox_of_a_demo_is_served_by_dev(configure: Configure, closed: str, tmp_path: Path) -> None:
    sandbox_env_file(tmp_path).write_text(f"TWITTER_BASE_URL={closed}/twitter\n")
    with host() as url:
        configure(**dict.fromkeys(VARIABLES, url) | {"TWITTER_BASE_URL": None, "ANALYTICS_HOME": str(tmp_path)})
        (failed,) = (finding for finding in platforms.hosts() if finding.state == "failed")
    assert (failed.found.partition(" ")[0], failed.advice) == (
        "twitter:",
        "this is the demo's sandbox: analytics-pipeline dev serves it, analytics-pipeline demo --remove ends it",
    )


def test_a_host_that_only_begins_like_the_demos_is_another(configure: Configure, closed: str, tmp_path: Path) -> None:
    sandbox_env_file(tmp_path).write_text(f"LINKEDIN_BASE_URL={closed}/linkedin\n")
    with host() as url:
        here = dict.fromkeys(VARIABLES, url)
        configure(**here | {"TWITTER_BASE_URL": closed, "LINKEDIN_BASE_URL": None, "ANALYTICS_HOME": str(tmp_path)})
        failed = {finding.found.partition(":")[0]: finding.advice for finding in platforms.hosts() if finding.advice}
    assert failed["linkedin"].startswith("this is the demo's sandbox")
    assert failed["twitter"] == "check network, proxy and firewall, then TWITTER_BASE_URL"


def test_instagram_has_a_host_for_each_login(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    with host() as url, host() as own_login:
        monkeypatch.setattr(meta_oauth, "_INSTAGRAM_HOST", own_login)
        configure(**dict.fromkeys(VARIABLES, url) | {"INSTAGRAM_BASE_URL": None})
        found = [finding.found for finding in platforms.hosts() if finding.check == "platforms"]
    assert found == [f"linkedin, twitter, facebook, instagram: {url} answers", f"instagram: {own_login} answers"]


def test_a_clock_that_is_wrong(configure: Configure) -> None:
    with host(ahead=timedelta(minutes=5)) as url:
        configure(**dict.fromkeys(VARIABLES, url))
        (clock,) = (finding for finding in platforms.hosts() if finding.check == "clock")
    assert clock.state == "warning"
    assert clock.found in {f"{url}: {n} s ahead of this machine's clock" for n in (298, 299, 300)}


@pytest.mark.parametrize(
    ("today", "linkedin", "meta"),
    [
        (date(2026, 11, 23), "ok", "ok"),
        (date(2027, 6, 15), "ok", "ok"),
        (date(2027, 6, 16), "warning", "ok"),
        (date(2027, 8, 15), "warning", "ok"),
        (date(2027, 8, 16), "failed", "ok"),
        (date(2028, 5, 30), "failed", "warning"),
        (date(2028, 7, 29), "failed", "warning"),
        (date(2028, 7, 30), "failed", "failed"),
    ],
)
def test_versions_are_warned_of_sixty_days_before_their_end(
    configure: Configure, today: date, linkedin: str, meta: str
) -> None:
    configure(LINKEDIN_API_VERSION="202608", META_API_VERSION="v25.0")
    assert states(platforms.api_versions(today)) == [("API versions", linkedin), ("API versions", meta)]


def test_a_version_whose_end_is_not_announced(configure: Configure) -> None:
    configure(META_API_VERSION="v26.0")
    _, meta = platforms.api_versions(date(2030, 1, 1))
    assert (meta.state, meta.found) == ("ok", "facebook, instagram: v26.0, whose end is not announced")


def test_the_ends_are_those_of_the_documents(configure: Configure) -> None:
    """platforms/linkedin.md §1, platforms/facebook.md §1."""
    ends: dict[str, date | None] = {}
    for linkedin, meta in (("202511", "v18.0"), ("202602", "v22.0")):
        configure(LINKEDIN_API_VERSION=linkedin, META_API_VERSION=meta)
        ends |= {chosen.version: chosen.sunset for chosen in versions.in_use(get_settings())}
    assert ends == {
        "202511": date(2026, 11, 15),
        "202602": date(2027, 2, 15),
        "v18.0": date(2026, 1, 26),
        "v22.0": date(2027, 5, 20),
    }
