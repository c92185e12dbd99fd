"""Alerts and dashboards: what they ask for is counted, and each alert fires and rests when it
should, by Prometheus' own judgement.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram

from common.metrics import measures

FOLDER = Path(settings.BASE_DIR) / "deploy" / "watching"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
PROVEN = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus"
)


def names_shown() -> Iterator[str]:
    for value in vars(measures).values():
        match value:
            case Counter():
                yield from (f"{family.name}_total" for family in value.describe())
            case Histogram():
                for family in value.describe():
                    yield from (f"{family.name}_{end}" for end in ("bucket", "sum", "count"))
            case Gauge():
                yield from (family.name for family in value.describe())
            case measures.Shown():
                yield value.name


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for dashboard in DASHBOARDS:
        for panel in json.loads(dashboard.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def test_what_is_asked_for_is_counted() -> None:
    named = {name for text in expressions() for name in re.findall(r"\bexchange_\w+", text)}
    assert named
    assert named - set(names_shown()) == set()


def test_what_is_counted_is_looked_at() -> None:
    asked = " ".join(expressions())
    assert [
        name
        for name in names_shown()
        if not name.endswith(("_sum", "_count")) and not re.search(rf"\b{name}\b", asked)
    ] == ["exchange_lane_calls_bucket"]  # its mean is on a dashboard


def test_each_alert_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_each_alert_is_proven_both_ways() -> None:
    proven = [
        (case["alert_rule_test"][0]["alertname"], bool(case["alert_rule_test"][0]["exp_alerts"]))
        for case in PROVEN
    ]
    wanted = [(rule["alert"], fires) for rule in RULES for fires in (True, False)]
    assert sorted(proven) == sorted(wanted)


def test_dashboards_are_whole() -> None:
    boards: list[dict[str, Any]] = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) == 3
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert all(panel["datasource"]["uid"] == "${source}" for panel in board["panels"])


@needs_promtool
def test_alerts_fire_and_rest() -> None:
    said = subprocess.run(
        ["promtool", "test", "rules", "alerts.test.yml"],
        cwd=FOLDER,
        check=False,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout + said.stderr


@needs_promtool
def test_prometheus_takes_rules_and_configuration(tmp_path: Path) -> None:
    """The dashboards' expressions, too: as rules, so that they are parsed."""
    rules = [
        {"record": f"panel_{number}", "expr": text} for number, text in enumerate(expressions())
    ]
    panels = tmp_path / "panels.yml"
    panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    for command in (
        ["check", "rules", str(FOLDER / "alerts.yml"), str(panels)],
        ["check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")],
    ):
        said = subprocess.run(["promtool", *command], check=False, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
