"""Units, images and manifests: they parse, and what they name is there. Nothing is started."""

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, get_commands, load_command_class
from django.test import Client

from exchange_site.configuration.variables import BY_NAME, IN_A_FILE
from exchange_site.serve import APPLICATIONS

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "container/compose.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
# Which are not the settings' but of a unit's own command line, or of an image we don't make.
_OF_COMMANDS = {"MARKETS", "ENGINE_NAME"}
_OF_POSTGRES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}


def unit_of(path: Path) -> dict[str, list[str]]:
    """Settings of all sections; a name may come more than once."""
    settings_of: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings_of.setdefault(name, []).append(value)
    return settings_of


def pods() -> Iterator[dict[str, Any]]:
    for manifest in MANIFESTS:
        if "template" in manifest.get("spec", {}):
            yield manifest["spec"]["template"]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from pod["spec"]["containers"]


def commands() -> Iterator[list[str]]:
    for path in UNITS:
        yield shlex.split(unit_of(path)["ExecStart"][0])
    for name, service in COMPOSE["services"].items():
        if name not in {"postgres", "redis"}:
            yield service["command"]
    for container in containers():
        yield container["command"]
    image = (DEPLOY / "container/Containerfile").read_text()
    (last,) = re.findall(r"^CMD (\[.*\])$", image, re.MULTILINE)
    yield yaml.safe_load(last)


def check_command(command: list[str]) -> None:
    """Raises where the process would refuse its command line."""
    words = [word for word in command if word not in {"tini", "--"}]
    if Path(words[0]).name in {"python", "exchange-python"}:
        words = words[1:]
    if words[0] == "-m":
        words = words[1:]
    program, *options = words
    if program == "manage.py":
        name, *options = options
        app = get_commands()[name]
        assert isinstance(app, str)
        parser = load_command_class(app, name).create_parser("manage.py", name)
        given = [part for word in options for part in word.replace("$MARKETS", "A B").split()]
        parser.parse_args(given)
    elif program == "exchange_site.serve":
        assert options[0] in APPLICATIONS
        assert set(options[1::2]) <= {"--host", "--port", "--workers"}
    else:
        assert program == "celery"
        assert options[:2] == ["-A", "exchange_site"]
        assert options[2] in {"worker", "beat"}


def test_every_command_is_one_of_ours() -> None:
    found = list(commands())
    assert len(found) > 20
    for command in found:
        check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        ["python", "manage.py", "runengines"],
        ["python", "manage.py", "runengine", "--market", "A", "--nam"],
        ["python", "-m", "exchange_site.serve", "web"],
        ["celery", "-A", "exchange_site", "workers"],
    ],
)
def test_a_planted_command_is_found(command: list[str]) -> None:
    with pytest.raises((AssertionError, KeyError, CommandError)):
        check_command(command)


def variables() -> Iterator[str]:
    for path in UNITS:
        for value in unit_of(path).get("Environment", []):
            yield value.partition("=")[0]
    for example in (DEPLOY / "systemd").glob("*.env.example"):
        yield from re.findall(r"^(\w+)=", example.read_text(), re.MULTILINE)
    for service in COMPOSE["services"].values():
        yield from service.get("environment", {})
    for container in containers():
        yield from (one["name"] for one in container["env"])
    for manifest in MANIFESTS:
        if manifest["kind"] == "ConfigMap":
            yield from manifest["data"]


def test_every_variable_is_in_the_reference() -> None:
    named = set(variables())
    assert len(named) > 8
    for name in named - _OF_COMMANDS - _OF_POSTGRES:
        assert name.removesuffix(IN_A_FILE) in BY_NAME, name


def test_no_secret_is_in_plain_sight() -> None:
    secrets = {variable.name for variable in BY_NAME.values() if variable.is_secret}
    assert secrets & set(variables()) == set()


def test_each_part_has_a_unit_and_a_port_of_its_own_for_metrics() -> None:
    assert {path.stem for path in UNITS} == {
        f"exchange-{part}" for part in ("api", "feeds", "engine@", "worker", "beat", "prices")
    }
    ports = [
        value.partition("=")[2]
        for path in UNITS
        for value in unit_of(path).get("Environment", [])
        if value.startswith("METRICS_PORT=")
    ]
    assert len(set(ports)) == len(ports) == len(UNITS) - 1  # an engine's is in its set's file


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze: apt-get install systemd"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """In a root where what they start is there."""
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    for name in ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target"):
        (folder / name).write_text("[Unit]\nDescription=Stands in\n")
    python = tmp_path / "opt/exchange/current/deploy/systemd/exchange-python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    for path in [*UNITS, DEPLOY / "systemd/exchange.target"]:
        shutil.copy(path, folder)
    names = [path.name.replace("@", "@majors") for path in UNITS] + ["exchange.target"]
    said = subprocess.run(
        ["systemd-analyze", f"--root={tmp_path}", "--man=no", "verify", *names],
        check=False,
        capture_output=True,
        text=True,
    )
    ours = [line for line in said.stderr.splitlines() if line.startswith("exchange")]
    assert said.returncode == 0, said.stderr
    assert ours == []


def test_units_are_whole() -> None:
    for path in UNITS:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(path.read_text())
        assert parser.sections() == ["Unit", "Service", "Install"], path
        assert parser["Service"]["User"] == "exchange"


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in MANIFESTS if manifest["kind"] == kind]


def matches(selector: dict[str, str], pod: dict[str, Any]) -> bool:
    return selector.items() <= pod["metadata"]["labels"].items()


def test_manifests_have_what_kubernetes_asks_for() -> None:
    versions = {
        "Deployment": "apps/v1",
        "Service": "v1",
        "ConfigMap": "v1",
        "Job": "batch/v1",
        "PodDisruptionBudget": "policy/v1",
        "PersistentVolumeClaim": "v1",
    }
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in MANIFESTS]
    assert len(set(names)) == len(names)
    for manifest in MANIFESTS:
        assert manifest["apiVersion"] == versions[manifest["kind"]]
    for deployment in of_kind("Deployment"):
        spec = deployment["spec"]
        assert matches(spec["selector"]["matchLabels"], spec["template"])
    for pod in pods():
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        for container in pod["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["resources"]["limits"]["memory"]


def test_what_workers_write_and_the_api_reads_is_in_one_volume() -> None:
    (settings_of_all,) = of_kind("ConfigMap")
    (claim,) = of_kind("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    mounted = {
        pod["metadata"]["labels"]["part"]: mount["mountPath"]
        for pod in pods()
        for volume in pod["spec"]["volumes"]
        if volume.get("persistentVolumeClaim") == {"claimName": claim["metadata"]["name"]}
        for mount in pod["spec"]["containers"][0]["volumeMounts"]
        if mount["name"] == volume["name"]
    }
    assert mounted.keys() == {"api", "worker"}
    for name in ("DOWNLOADS_DIR", "ARCHIVE_DIR"):
        folder = Path(settings_of_all["data"][name])
        assert {folder.parent} == {Path(path) for path in mounted.values()}


def test_selectors_find_pods_of_one_deployment_each() -> None:
    deployments = of_kind("Deployment")
    for one in deployments:
        selector = one["spec"]["selector"]["matchLabels"]
        assert sum(matches(selector, other["spec"]["template"]) for other in deployments) == 1
    for service in of_kind("Service"):
        found = [pod for pod in pods() if matches(service["spec"]["selector"], pod)]
        ports = [port["name"] for pod in found for port in pod["spec"]["containers"][0]["ports"]]
        assert service["spec"]["ports"][0]["targetPort"] in ports


def test_a_budget_lets_one_go_and_keeps_one() -> None:
    for budget in of_kind("PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        replicas = sum(
            deployment["spec"]["replicas"]
            for deployment in of_kind("Deployment")
            if matches(selector, deployment["spec"]["template"])
        )
        assert replicas == 2, budget["metadata"]["name"]
        assert budget["spec"]["minAvailable"] == 1


def test_each_market_set_has_an_engine_and_a_standby() -> None:
    sets: dict[str, list[list[str]]] = {}
    for deployment in of_kind("Deployment"):
        if (labels := deployment["metadata"]["labels"])["part"] == "engine":
            command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
            sets.setdefault(labels["set"], []).append(command[command.index("runengine") + 1 :])
            assert deployment["spec"]["strategy"]["type"] == "Recreate"  # a name runs once
    assert sets
    for one, other in sets.values():
        assert one[one.index("--markets") :] == other[other.index("--markets") :]
        assert one[1] != other[1]


@pytest.mark.django_db
def test_every_probe_is_answered(settings: Any) -> None:
    """As a kubelet asks: without TLS, by the headers of the manifest."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    asked = 0
    for container in containers():
        ports = {port["name"] for port in container["ports"]}
        probes = [probe for name, probe in container.items() if name.endswith("Probe")]
        for probe in probes:
            if (http := probe.get("httpGet")) is None:
                assert probe["tcpSocket"]["port"] in ports
                continue
            assert http["port"] in ports
            headers = {header["name"]: header["value"] for header in http["httpHeaders"]}
            assert Client().get(http["path"], headers=headers).status_code == 200
            asked += 1
    assert asked == 3


def test_each_process_that_goes_on_is_probed() -> None:
    for deployment in of_kind("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert "livenessProbe" in container, container["name"]


def test_compose_names_what_it_has() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "container/Containerfile").read_text(), re.MULTILINE
    )
    assert copied
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_the_install_script_is_sound() -> None:
    """By its shell; `make install-check` runs it."""
    checked = subprocess.run(
        ["sh", "-n", str(DEPLOY / "install.sh")], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_what_is_enabled_comes_up_with_the_host() -> None:
    """Units are wanted by the target, which nothing starts at boot unless it is enabled itself."""
    assert {unit_of(path)["WantedBy"][0] for path in UNITS} == {"exchange.target"}
    assert unit_of(DEPLOY / "systemd/exchange.target")["WantedBy"] == ["multi-user.target"]
    assert "enable exchange.target" in (DEPLOY / "install.sh").read_text()


def test_a_unit_is_tried_again_for_ever() -> None:
    """By itself systemd gives up what ended five times within ten seconds, for good."""
    for path in UNITS:
        unit = unit_of(path)
        assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"]), path


@pytest.fixture
def manage(tmp_path: Path) -> Path:
    """The command of an installed host, in whose places are a folder's, and whose program says as
    what it was run."""
    script = (DEPLOY / "systemd/exchange-manage").read_text()
    (tmp_path / "current/.venv/bin").mkdir(parents=True)
    program = tmp_path / "current/.venv/bin/python"
    program.write_text('#!/bin/sh\nenv\necho "$@"\n')
    program.chmod(0o755)
    fake = tmp_path / "setpriv"
    fake.write_text('#!/bin/sh\nshift 5\nexec "$@"\n')
    fake.chmod(0o755)
    changed = script.replace("/opt/exchange", str(tmp_path)).replace("/etc/exchange", str(tmp_path))
    command = tmp_path / "exchange-manage"
    command.write_text(changed.replace('"$(id -u)"', "0").replace("exec setpriv", f"exec {fake}"))
    return command


def test_commands_of_a_host_have_the_settings_of_its_processes(manage: Path) -> None:
    asked = ["sh", str(manage), "backup", "/a folder"]
    refused = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "exchange.env.example" in refused.stderr
    lines = ["# TOKEN=none", "A=1", "PUBLIC_URL=https://a b$(id)", "LAST=2"]
    (manage.parent / "exchange.env").write_text("\n".join(lines))
    said = subprocess.check_output(asked, text=True).splitlines()
    assert {"A=1", "PUBLIC_URL=https://a b$(id)", "LAST=2"} <= set(said)
    assert said[-1] == "manage.py backup /a folder"
    assert not any(line.startswith(("# ", "TOKEN", "SECRET", "VIRTUAL_ENV")) for line in said)
