"""Dashboard and alert rules: they parse, and what they name exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from huitong.node.watch.register import METRICS, PROCESS_METRICS, Kind
from huitong.relayer.watch.register import RELAYER_METRICS

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
ALERTS = OPS / "prometheus" / "alerts.yml"
DASHBOARD = OPS / "grafana" / "huitong-zone.json"
RELAYER_DASHBOARD = OPS / "grafana" / "huitong-relayer.json"
#: What every query of a dashboard selects by.
SELECTION = {
    DASHBOARD: 'chain="$chain",instance=~"$instance"',
    RELAYER_DASHBOARD: 'instance=~"$instance"',
}
#: Of a relayer's process, as prometheus-client counts them.
_OF_RELAYERS_PROCESS = tuple(
    replace(item, name=item.name.replace("huitong_", "huitong_relayer_", 1))
    for item in PROCESS_METRICS
)
_REGISTERED = (*METRICS, *PROCESS_METRICS, *RELAYER_METRICS, *_OF_RELAYERS_PROCESS)
#: Metrics that Prometheus makes itself.
OF_PROMETHEUS = {"up"}
_TEMPLATE = re.compile(r"\$\{?[a-z_]+(?::[a-z]+)?\}?")


def _known_series() -> set[str]:
    known = set(OF_PROMETHEUS)
    for item in _REGISTERED:
        if item.kind is Kind.HISTOGRAM:
            known |= {f"{item.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            known.add(item.name)
    return known


def _labels_of(series: str) -> set[str]:
    base = re.sub(r"_(bucket|sum|count)$", "", series)
    for item in _REGISTERED:
        if item.name in (base, series):
            return {"chain", "instance", "job", "le", *item.labels}
    return {"instance", "job"}


def _selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return iter(found)


def _check_query(query: str) -> None:
    selectors = list(_selectors(query))
    assert selectors, query
    for selector in selectors:
        assert selector.name in _known_series(), (selector.name, query)
        named = {matcher.name for matcher in selector.matchers.matchers}
        assert named <= _labels_of(selector.name), (named, query)


def _rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _rule_id(rule: dict[str, Any]) -> str:
    return str(rule["alert"])


@pytest.mark.parametrize("rule", _rules(), ids=_rule_id)
def test_rule_asks_for_what_a_node_tells(rule: dict[str, Any]) -> None:
    _check_query(rule["expr"])


@pytest.mark.parametrize("rule", _rules(), ids=_rule_id)
def test_rule_says_what_to_do_in_both_languages(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Huitong[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    said = rule["annotations"]
    assert set(said) == {"summary", "summary_zh", "action", "action_zh"}
    for name, text in said.items():
        assert len(text) > 10, name
        has_chinese = re.search(r"[\u4e00-\u9fff]", text) is not None
        assert has_chinese == name.endswith("_zh"), (name, text)
    placeholders = {
        name: sorted(re.findall(r"\{\{[^}]*\}\}", said[name])) for name in said
    }
    assert placeholders["summary"] == placeholders["summary_zh"]


def test_rules_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)


def test_rules_cover_what_an_operator_has_to_know() -> None:
    asked = {
        selector.name for rule in _rules() for selector in _selectors(rule["expr"])
    }
    assert asked >= {
        "up",
        "huitong_healthy",
        "huitong_ready",
        "huitong_block_age_seconds",
        "huitong_disk_free_bytes",
        "huitong_client_expiry_seconds",
        "huitong_validators",
        "huitong_mempool_txs",
        "huitong_rpc_seconds_count",
        "huitong_snapshot_height",
        "huitong_upgrade_height",
    }


def test_rules_are_taken_by_promtool() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("not run: promtool is not installed")
    checked = subprocess.run(
        [tool, "check", "rules", str(ALERTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_scrape_configuration_loads_the_rules() -> None:
    path = OPS / "prometheus" / "prometheus.yml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in document["rule_files"]:
        assert (path.parent / name).is_file()
    (job,) = document["scrape_configs"]
    assert f'up{{job="{job["job_name"]}"}}' in ALERTS.read_text(encoding="utf-8")


# --- the dashboard ---------------------------------------------------------------------------


def _panels() -> list[Any]:
    return [
        pytest.param(path, panel, id=f"{path.stem} {panel['title']}")
        for path in SELECTION
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        if panel["type"] != "row"
    ]


@pytest.mark.parametrize(("path", "panel"), _panels())
def test_panel_asks_for_what_is_told(path: Path, panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", "5m")
        assert SELECTION[path] in query
        _check_query(_TEMPLATE.sub("x", query))
        legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        known = set().union(
            *(_labels_of(s.name) for s in _selectors(_TEMPLATE.sub("x", query)))
        )
        assert legend <= known


def test_every_metric_has_a_panel_or_an_alert() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in (*SELECTION, ALERTS))
    unseen = {
        item.name
        for item in (*METRICS, *RELAYER_METRICS)
        if not re.search(rf"\b{item.name}(_bucket|_sum|_count)?\b", texts)
    }
    # What tells the same in another way.
    assert unseen == {
        "huitong_block_timestamp_seconds",
        "huitong_start_timestamp_seconds",
        "huitong_rpc_up",
        "huitong_catching_up",
        "huitong_block_earliest_height",
        "huitong_database_map_bytes",
    }


@pytest.mark.parametrize("path", SELECTION, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)


def test_variables_choose_zone_and_node() -> None:
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    names = [item["name"] for item in document["templating"]["list"]]
    assert names == ["source", "chain", "instance"]


def test_dashboard_is_what_its_source_gives() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/generate_dashboard.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
