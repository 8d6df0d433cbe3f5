"""Write ops/grafana/*.json: one panel for each thing worth seeing.

``make docs`` calls it; with ``--check`` nothing is written and the exit code is 1 if a
file is not what this gives.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard_panels import ROWS, Panel
from relayer_panels import RELAYER_ROWS

FOLDER = Path(__file__).parents[1] / "ops" / "grafana"
WIDTH, HEIGHT, COLUMNS = 8, 7, 24


@dataclass(frozen=True)
class Dashboard:
    """One file."""

    uid: str
    """Its name, and the file's."""
    title: str
    """In English and Chinese."""
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    """What it shows."""
    variables: tuple[tuple[str, str, str], ...]
    """What is chosen above the panels: name, label, query. Of the last, several."""

    @property
    def where(self) -> str:
        """What every query selects by."""
        *single, (several, _, _) = self.variables
        chosen = [f'{name}="${name}"' for name, _, _ in single]
        return ",".join([*chosen, f'{several}=~"${several}"'])


DASHBOARDS = (
    Dashboard(
        uid="huitong-zone",
        title="Huitong zone 汇通区",
        rows=ROWS,
        variables=(
            ("chain", "Zone 区", "label_values(huitong_info, chain)"),
            (
                "instance",
                "Node 节点",
                'label_values(huitong_info{chain="$chain"}, instance)',
            ),
        ),
    ),
    Dashboard(
        uid="huitong-relayer",
        title="Huitong relayer 汇通中继",
        rows=RELAYER_ROWS,
        variables=(
            (
                "instance",
                "Relayer 中继",
                "label_values(huitong_relayer_info, instance)",
            ),
        ),
    ),
)


def render(told: Dashboard) -> dict[str, Any]:
    """Return a dashboard in Grafana's form."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in told.rows:
        panels.append(_row(len(panels) + 1, title, y))
        y += 1
        for place, panel in enumerate(row):
            x = place * WIDTH % COLUMNS
            if place and x == 0:
                y += HEIGHT
            panels.append(_panel(len(panels) + 1, panel, told.where, x, y))
        y += HEIGHT
    return {
        "title": told.title,
        "uid": told.uid,
        "tags": ["huitong"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": _variables(told)},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def _variables(told: Dashboard) -> list[dict[str, Any]]:
    source = {"type": "prometheus", "uid": "${source}"}
    common = {"type": "query", "datasource": source, "refresh": 2, "sort": 1}
    listed: list[dict[str, Any]] = [
        {
            "name": "source",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        }
    ]
    for name, label, query in told.variables:
        asked = {"query": query, "refId": name}
        listed.append({"name": name, "label": label, **common, "query": asked})
    listed[-1] |= {
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    return listed


def _row(number: int, title: str, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": [],
    }


def _panel(number: int, panel: Panel, where: str, x: int, y: int) -> dict[str, Any]:
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
                "expr": query.replace("@", where),
                "legendFormat": legend,
            }
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` tell whether they are what this gives."""
    wrong = 0
    for told in DASHBOARDS:
        path = FOLDER / f"{told.uid}.json"
        text = json.dumps(render(told), ensure_ascii=False, indent=2) + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            print(
                f"ops/grafana/{path.name} is not what tools/generate_dashboard.py gives"
            )
            wrong = 1
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
