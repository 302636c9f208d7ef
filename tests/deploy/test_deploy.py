"""The files in deploy/ agree with the code, with each other and with the project's `dagster.yaml`.

Not shown: that Docker and Kubernetes take them (neither runs here; deploy/README.md says what was checked by hand).
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import pytest
import typer
from celery import Celery
from celery.bin.base import CLIContext
from celery.bin.celery import celery
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli
from dagster_shared.yaml_utils import load_yaml_from_path
from dagster_webserver.cli import create_dagster_webserver_cli

from analytics_pipeline.cli import app
from analytics_pipeline.settings import PROJECT_DIR, Settings

DEPLOY = PROJECT_DIR / "deploy"
SETTINGS = {name.upper() for name in Settings.model_fields}
FOR_COMPOSE = {"VERSION", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"}
OURS = ("migrate", "code", "daemon", "webserver", "worker")

COMMANDS: Mapping[str, Any] = {
    "analytics-pipeline": typer.main.get_command(app),
    "celery": celery,
    "dagster": create_dagster_cli(),  # type: ignore[no-untyped-call]
    "dagster-daemon": create_dagster_daemon_cli(),
    "dagster-webserver": create_dagster_webserver_cli(),  # type: ignore[no-untyped-call]
}


def read(name: str) -> Any:
    """A YAML file of the folder."""
    return load_yaml_from_path(str(DEPLOY / name))


COMPOSE, HELM = read("compose.yaml"), read("helm-values.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
(CODE_IN_CLUSTER,) = HELM["dagster-user-deployments"]["deployments"]
(MIGRATION_IN_CLUSTER,) = HELM["extraManifests"]


def commands(words: Sequence[str]) -> list[list[str]]:
    """The commands that a `command` or `test` of Compose starts; those of shells and of other images' tools left out."""
    words = list(words[1:]) if words[0] in ("CMD", "CMD-SHELL") else list(words)
    line = words[2] if words[:2] == ["sh", "-c"] else words[0] if len(words) == 1 else shlex.join(words)
    return [shlex.split(part) for part in line.split(" && ")]


def understood(words: Sequence[str]) -> dict[str, Any]:
    """What the program makes of its options. Raises an exception for those that it does not know."""
    command = COMMANDS[words[0]]
    context, rest = None, list(words[1:])
    while True:
        context = command.make_context(command.name, rest, parent=context, obj=CLIContext(Celery(), True, None))
        if not hasattr(command, "resolve_command"):
            return dict(context.params)
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


def dockerfile() -> list[str]:
    return (DEPLOY / "Dockerfile").read_text().splitlines()


def example_env() -> dict[str, str]:
    lines = (DEPLOY / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_program_of_ours_is_installed_by_the_project() -> None:
    assert {script.name for script in entry_points(group="console_scripts")} >= set(COMMANDS)


@pytest.mark.parametrize("name", OURS)
def test_programs_understand_their_commands(name: str) -> None:
    service = SERVICES[name]
    asked = commands(service["command"]) + [
        words for words in commands(service.get("healthcheck", {}).get("test", ["python"])) if words[0] != "python"
    ]
    for words in asked:
        assert understood(words) is not None
    assert asked


def test_what_a_program_does_not_know_is_noticed() -> None:
    for words in (["dagster-daemon", "run", "--workspaces", "x"], ["analytics-pipeline", "db", "upgrad"]):
        with pytest.raises(Exception, match="No such"):
            understood(words)


def test_the_image_starts_the_code_server_of_compose_as_nobody_special() -> None:
    (command,) = re.findall(r"^CMD (\[.*?\])", (DEPLOY / "Dockerfile").read_text().replace("\\\n", ""), re.MULTILINE)
    assert json.loads(command) == SERVICES["code"]["command"]
    assert "USER 10001" in dockerfile()
    assert CODE_IN_CLUSTER["podSecurityContext"]["runAsUser"] == 10001
    extras = re.findall(r'pip install -e "\.\[(.*)\]"', "\n".join(dockerfile()))
    assert extras == ["celery,k8s"]


def test_ports_and_names_meet() -> None:
    (server,) = (entry["grpc_server"] for entry in read("workspace.yaml")["load_from"])
    code = understood(SERVICES["code"]["command"])
    assert (server["host"], server["port"]) == ("code", code["port"])
    assert server["location_name"] == "analytics_pipeline"
    assert code["module_name"] == "analytics_pipeline.definitions"
    assert understood(commands(SERVICES["code"]["healthcheck"]["test"])[0])["port"] == code["port"]
    webserver = understood(SERVICES["webserver"]["command"])
    assert SERVICES["webserver"]["ports"] == [f"127.0.0.1:{webserver['port']}:{webserver['port']}"]
    assert f"127.0.0.1:{webserver['port']}/server_info" in SERVICES["webserver"]["healthcheck"]["test"][-1]
    for service in ("daemon", "webserver"):
        (workspace,) = understood(SERVICES[service]["command"])["workspace"]
        assert PROJECT_DIR / workspace == DEPLOY / "workspace.yaml"


def test_only_the_webserver_is_reached_from_outside_and_only_from_its_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "webserver": ["127.0.0.1:3000:3000"]
    }
    assert HELM["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert HELM["ingress"] == {"enabled": False}


def test_what_lasts_comes_back_and_what_works_on_tables_waits_for_the_migration() -> None:
    lasting = {name: service for name, service in SERVICES.items() if name != "migrate"}
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}
    assert SERVICES["migrate"]["restart"] == "no"
    assert {name for name, service in lasting.items() if "healthcheck" in service} == set(lasting)
    conditions = {
        name: {of: how["condition"] for of, how in s.get("depends_on", {}).items()} for name, s in SERVICES.items()
    }
    assert conditions == {
        "postgres": {},
        "broker": {},
        "migrate": {"postgres": "service_healthy"},
        "code": {"migrate": "service_completed_successfully"},
        "daemon": {"code": "service_healthy"},
        "webserver": {"code": "service_healthy"},
        "worker": {"migrate": "service_completed_successfully", "broker": "service_healthy"},
    }


def test_every_variable_is_a_setting() -> None:
    known = SETTINGS | FOR_COMPOSE
    for name in OURS:
        assert set(SERVICES[name]["environment"]) - known == set(), name
    assert set(example_env()) - known == set()
    assert {variable["name"] for variable in CODE_IN_CLUSTER["env"]} - SETTINGS == {"DAGSTER_EVENT_BATCH_SIZE"}
    assert HELM["dagsterWebserver"]["env"] == HELM["dagsterDaemon"]["env"]
    assert HELM["dagsterDaemon"]["env"][0] in CODE_IN_CLUSTER["env"], (
        "as our own storage does, which the chart does not use"
    )
    of_image = set(re.findall(r"^ENV |^ {4}([A-Z_]+)=", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)) - {""}
    assert of_image - SETTINGS == {"PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK", "DAGSTER_HOME"}


def test_variables_that_compose_puts_in_are_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert used == FOR_COMPOSE
    assert used <= set(example_env())


def test_the_example_is_a_set_of_settings_once_it_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in example_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUN_EXECUTOR", "celery")
    monkeypatch.setenv("CELERY_BROKER_URL", SERVICES["worker"]["environment"]["CELERY_BROKER_URL"])
    settings = Settings()
    assert settings.log_format == "json"
    assert settings.alert_urls is None, "an empty value counts as unset"


def test_ui_and_daemon_get_no_secret_of_ours() -> None:
    for name in ("daemon", "webserver"):
        assert set(SERVICES[name]["environment"]) == {"DAGSTER_DATABASE_URL"}
        assert "env_file" not in SERVICES[name]
    assert "envSecrets" not in HELM["dagsterWebserver"]
    assert "envSecrets" not in HELM["dagsterDaemon"]


def test_no_secret_stands_in_a_file() -> None:
    secret = re.compile(r"PASS(WORD)?|SECRET|KEY|TOKEN|_ID$")
    assert {name: value for name, value in example_env().items() if secret.search(name) and value} == {}
    for file in DEPLOY.iterdir():
        written = re.findall(r"://[^:@/\s]+:([^@\s]+)@", file.read_text())
        assert [password for password in written if not password.startswith("${")] == [], file.name


def test_the_cluster_runs_dagster_with_the_settings_of_dagster_yaml() -> None:
    ours: Any = load_yaml_from_path(str(PROJECT_DIR / "dagster.yaml"))
    daemon = HELM["dagsterDaemon"]
    assert _snake(daemon["runMonitoring"]) == ours["run_monitoring"]
    assert _snake(daemon["runRetries"]) == ours["run_retries"]
    assert _snake(daemon["schedules"]) == ours["schedules"]
    assert _snake(daemon["sensors"]) == ours["sensors"]
    assert _snake(HELM["scheduler"]["config"]["daemonScheduler"]) == ours["scheduler"]["config"]
    assert _snake({**HELM["concurrency"], "enabled": None}) == {**ours["concurrency"], "enabled": None}
    assert _snake({**HELM["retention"], "enabled": None}) == {**ours["retention"], "enabled": None}
    assert HELM["telemetry"] == ours["telemetry"]


def test_the_cluster_migrates_and_serves_one_image() -> None:
    image = CODE_IN_CLUSTER["image"]
    (container,) = MIGRATION_IN_CLUSTER["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    assert understood(container["command"]) is not None
    server = understood(
        ["dagster", "api", "grpc", "-p", str(CODE_IN_CLUSTER["port"]), *CODE_IN_CLUSTER["dagsterApiGrpcArgs"]]
    )
    assert server["module_name"] == "analytics_pipeline.definitions"
    secrets = [source["secretRef"]["name"] for source in container["envFrom"]]
    assert secrets == [source["name"] for source in CODE_IN_CLUSTER["envSecrets"]]


def test_versions_are_those_of_the_project() -> None:
    project = (PROJECT_DIR / "pyproject.toml").read_text()
    (dagster,) = set(re.findall(r'"dagster(?:-webserver)?==([\d.]+)"', project))
    (integrations,) = set(re.findall(r'"dagster-(?:postgres|dbt|celery|k8s)==([\d.]+)"', project))
    assert dagster.split(".")[-1] == integrations.split(".")[-1]
    chart = re.findall(r"--version ([\d.]+)", (DEPLOY / "helm-values.yaml").read_text())
    assert chart == [dagster]
    (version,) = re.findall(r'^version = "(.+)"', project, re.MULTILINE)
    assert (CODE_IN_CLUSTER["image"]["tag"], example_env()["VERSION"]) == (version, version)


def _snake(value: Any) -> Any:
    """Keys as `dagster.yaml` writes them."""
    if not isinstance(value, Mapping):
        return value
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): _snake(inner) for name, inner in value.items()}


def test_every_file_of_the_folder_is_explained() -> None:
    page = (DEPLOY / "README.md").read_text()
    assert [
        file.name for file in sorted(DEPLOY.iterdir()) if f"`{file.name}`" not in page and file.name != "README.md"
    ] == []
