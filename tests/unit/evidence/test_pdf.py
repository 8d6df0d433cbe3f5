"""The report as PDF: of every kind, tagged, with fonts in it, and of no refused bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.evidence import kinds
from huitong.evidence.errors import FontMissingError, ReportError
from huitong.evidence.kinds import KINDS, Kind
from huitong.evidence.pdf import FONT_FOLDERS, render_pdf
from huitong.evidence.verify import verify_bundle
from tests.ended_kit import made

HAS_FONT = any(
    next(folder.rglob("NotoSansCJK*"), None)
    for folder in FONT_FOLDERS
    if folder.is_dir()
)
NEEDS_FONT = pytest.mark.skipif(
    not HAS_FONT, reason="not run: fonts-noto-cjk is not installed"
)


@NEEDS_FONT
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_report_is_tagged_and_needs_nothing_from_elsewhere(kind: Kind) -> None:
    bundle = made(kind)
    verdict = verify_bundle(bundle.data, bundle.trust(), now_ns=bundle.now_ns)
    page = render_pdf(bundle.data, verdict)
    assert page.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in page
    assert b"/FontFile" in page
    for outside in (b"/URI", b"/JavaScript", b"/Launch", b"/EmbeddedFile"):
        assert outside not in page


@NEEDS_FONT
def test_same_bundle_gives_the_same_page() -> None:
    bundle = made(kinds.MEMBER_STATE)
    verdict = verify_bundle(bundle.data, None, now_ns=bundle.now_ns)
    assert render_pdf(bundle.data, verdict) == render_pdf(bundle.data, verdict)


def test_refused_bundle_has_no_report() -> None:
    data = made(kinds.MEMBER_STATE).data + b"x"
    verdict = verify_bundle(data, None, now_ns=0)
    with pytest.raises(ReportError, match="container"):
        render_pdf(data, verdict)


def test_machine_without_a_font_is_told_what_to_install(tmp_path: Path) -> None:
    bundle = made(kinds.MEMBER_STATE)
    verdict = verify_bundle(bundle.data, None, now_ns=bundle.now_ns)
    with pytest.raises(FontMissingError) as caught:
        render_pdf(bundle.data, verdict, font_folders=(tmp_path,))
    assert "fonts-noto-cjk" in caught.value.next_step
