"""The report in a bundle: what happened, for people, in Chinese and English.

It is made from the proven values alone, by this one function of them, in two layouts:
a self-contained page (no script, nothing loaded) and Markdown. Changing a word here
changes ``FORMAT``, because verifiers make the report anew and compare.

What the report shows is proven only as far as the bundle verifies; it says so itself.
"""

from __future__ import annotations

import html
from typing import Final

from huitong.evidence.model import Evidence
from huitong.evidence.report_sections import sections_of
from huitong.evidence.report_summary import summarize
from huitong.evidence.statement import Statement

TITLE: Final = "汇通数据交换证据报告 Huitong evidence report"
_STYLE: Final = (
    "body{font-family:'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif;"
    "max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.6;color:#1c2430}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;border-bottom:2px solid #1f5fa8;"
    "padding-bottom:.2rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #c9d2de;padding:.35rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}th{background:#eef3f9;width:17rem}"
    ".note{background:#fff8e1;border-left:4px solid #e0a800;padding:.6rem 1rem}"
)


def render_html(evidence: Evidence, statement: Statement) -> bytes:
    """Return the report as one page that loads nothing."""
    parts = [
        '<!DOCTYPE html>\n<html lang="zh">\n<head>\n<meta charset="utf-8">',
        f"<title>{html.escape(TITLE)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{html.escape(TITLE)}</h1>",
    ]
    parts += [f"<p>{html.escape(line)}</p>" for line in summarize(evidence, statement)]
    parts += [f'<p class="note">{html.escape(line)}</p>' for line in notes_of(evidence)]
    for section in sections_of(evidence, statement):
        parts.append(f"<h2>{html.escape(section.heading)}</h2>\n<table>")
        parts += [
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in section.rows
        ]
        parts.append("</table>")
    parts.append("</body>\n</html>\n")
    return "\n".join(parts).encode()


def render_markdown(evidence: Evidence, statement: Statement) -> bytes:
    """Return the report as Markdown."""
    parts = [f"# {TITLE}", ""]
    for line in summarize(evidence, statement):
        parts += [_escape(line), ""]
    for line in notes_of(evidence):
        parts += [f"> {_escape(line)}", ""]
    for section in sections_of(evidence, statement):
        parts += [f"## {_escape(section.heading)}", "", "| | |", "|---|---|"]
        parts += [
            f"| {_escape(name)} | {_escape(value)} |" for name, value in section.rows
        ]
        parts.append("")
    return "\n".join(parts).encode()


def notes_of(evidence: Evidence) -> tuple[str, str]:
    """Return how the report is to be understood, in both languages."""
    zones = " 与 ".join(
        evidence.subject.zone(side).chain_id for side in evidence.subject.kind.sides
    )
    return (
        f"本报告由证据包内的证明生成,本身不是证明。请运行 huitong verify --trust 信任文件 "
        f"本文件;只要为 {zones} 各提供一个可信区块头(或创世文件),即可离线核验。",
        "This report is made from the proofs in the bundle and proves nothing by itself. "
        "Run: huitong verify --trust TRUST-FILE THIS-FILE. It needs one trusted header "
        "(or the genesis) of each zone, and no network.",
    )


def _escape(text: str) -> str:
    """Keep a text from being read as Markdown or breaking out of its cell."""
    one_line = " ".join(text.split())
    for character in "\\`*_[]<>|#":
        one_line = one_line.replace(character, "\\" + character)
    return one_line
