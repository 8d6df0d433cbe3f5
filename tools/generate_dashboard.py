"""Write ops/grafana/huitong-zone.json: one panel for each thing worth seeing.

``make docs`` calls it; with ``--check`` nothing is written and the exit code is 1 if the
file is not what this gives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dashboard_panels import ROWS, Panel

DASHBOARD = Path(__file__).parents[1] / "ops" / "grafana" / "huitong-zone.json"
#: What every query selects by: the two variables of the dashboard.
WHERE = 'chain="$chain",instance=~"$instance"'
WIDTH, HEIGHT, COLUMNS = 8, 7, 24


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's form."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(_row(len(panels) + 1, title, y))
        y += 1
        for place, panel in enumerate(row):
            x = place * WIDTH % COLUMNS
            if place and x == 0:
                y += HEIGHT
            panels.append(_panel(len(panels) + 1, panel, x, y))
        y += HEIGHT
    return {
        "title": "Huitong zone 汇通区",
        "uid": "huitong-zone",
        "tags": ["huitong"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def _variables() -> list[dict[str, Any]]:
    source = {"type": "prometheus", "uid": "${source}"}
    chain = {"query": "label_values(huitong_info, chain)", "refId": "chain"}
    instance = {
        "query": 'label_values(huitong_info{chain="$chain"}, instance)',
        "refId": "instance",
    }
    common = {"type": "query", "datasource": source, "refresh": 2, "sort": 1}
    return [
        {
            "name": "source",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        },
        {"name": "chain", "label": "Zone 区", **common, "query": chain},
        {
            "name": "instance",
            "label": "Node 节点",
            **common,
            "query": instance,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        },
    ]


def _row(number: int, title: str, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": [],
    }


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": source,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": source,
                "expr": query.replace("@", WHERE),
                "legendFormat": legend,
            }
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` tell whether it is what this gives."""
    text = json.dumps(dashboard(), ensure_ascii=False, indent=2) + "\n"
    if DASHBOARD.is_file() and DASHBOARD.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in arguments:
        print(
            "ops/grafana/huitong-zone.json is not what tools/generate_dashboard.py gives"
        )
        return 1
    DASHBOARD.parent.mkdir(parents=True, exist_ok=True)
    DASHBOARD.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
