"""The report of a bundle as PDF: for a file of papers, beside the bundle, never instead.

One page or a few, tagged, fonts embedded, nothing loaded from elsewhere. The same bundle
and verdict give the same text; the bytes depend on the version of the typesetter, so the
PDF is no part of the bundle.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson
import typst

from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND
from huitong.evidence.container import decode_container
from huitong.evidence.entries import decode_evidence
from huitong.evidence.errors import FontMissingError, ReportError
from huitong.evidence.manifest import check_manifest
from huitong.evidence.report import TITLE, notes_of
from huitong.evidence.report_sections import Row, sections_of
from huitong.evidence.report_summary import summarize
from huitong.evidence.statement import read_statement
from huitong.evidence.verify import Verdict

#: The family that has every character of a report, and where Debian puts it.
FONT: Final = "Noto Sans CJK SC"
FONT_FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
#: What archives (PDF/A-2) and screen readers (tags) ask for.
_STANDARD: Final = "a-2a"
_TEMPLATE: Final = "report.typ"


def render_pdf(
    data: bytes, verdict: Verdict, *, font_folders: tuple[Path, ...] = FONT_FOLDERS
) -> bytes:
    """Return the report of a bundle, with what its verification found.

    Args:
        data: the bundle; refused ones have no report.
        verdict: what ``verify_bundle`` said of exactly these bytes.
        font_folders: where fonts lie.

    Raises:
        ReportError: the bundle was refused, or the page cannot be set.
        FontMissingError: there is no font for Chinese.
    """
    if verdict.failed is not None:
        raise ReportError(reason=f"the bundle fails its check {verdict.failed.name}")
    fonts = typst.Fonts(
        include_system_fonts=False,
        font_paths=[str(folder) for folder in font_folders if folder.is_dir()],
    )
    if FONT not in fonts.families():
        raise FontMissingError(font=FONT)
    template = resources.files("huitong.evidence") / _TEMPLATE
    try:
        page: bytes = typst.compile(
            template.read_bytes(),
            font_paths=fonts,
            format="pdf",
            sys_inputs={"report": orjson.dumps(_content(data, verdict)).decode()},
            pdf_standards=_STANDARD,
            timestamp=_made_s(data),
        )
    except typst.TypstError as error:
        raise ReportError(reason=str(error).splitlines()[0][:200]) from error
    return page


def _made_s(data: bytes) -> int:
    """Return when the bundle was made, seconds since the epoch, UTC."""
    return check_manifest(decode_container(data)) // NS_PER_SECOND


def _content(data: bytes, verdict: Verdict) -> dict[str, Any]:
    evidence = decode_evidence(decode_container(data))
    statement = read_statement(evidence)
    sections = [
        {"heading": section.heading, "rows": section.rows}
        for section in sections_of(evidence, statement)
    ]
    return {
        "title": TITLE,
        "digest": f"SHA-256 {sha256(data).hex()}",
        "summary": summarize(evidence, statement),
        "notes": notes_of(evidence),
        "sections": [
            *sections,
            {"heading": "核验结果 Verification", "rows": _checks(verdict)},
        ],
    }


def _checks(verdict: Verdict) -> list[Row]:
    grade = ("可信等级 Trust grade", verdict.grade or "—")
    return [grade, *((check.name, check.detail) for check in verdict.checks)]
