"""The documentation is true: its commands run, its links and its tests exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import need_cometbft
from tests.repo.pages import (
    DOCS,
    PAGES,
    READMES,
    ROOT,
    RUNNABLE,
    SECONDS_MAX,
    blocks,
    needed_programs,
    page_name,
    run_page,
)

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.M)
_NAMED_ANCHOR = re.compile(r'<a id="([^"]+)">')
_TEST_ID = re.compile(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?`")
#: Pages that need other peers are run by `make interop`.
OF_THE_EVERYDAY_RUN = [
    page for page in RUNNABLE if {*needed_programs(page)} <= {"cometbft"}
]
#: What speaks of one machine or one company's network, and helps no reader.
_FOREIGN = re.compile(
    r"/work/|/root/|/home/[a-z]+/|/tmp/[a-z]|registry\.|mirrors?\.|artifactory"
    r"|--index-url|--trusted-host|goproxy",
    re.I,
)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX + 100)
@pytest.mark.parametrize("page", OF_THE_EVERYDAY_RUN, ids=page_name)
def test_commands_of_the_page_run(page: Path, tmp_path: Path) -> None:
    programs = [need_cometbft()] if needed_programs(page) else []
    run_page(page, tmp_path, programs)


def test_some_pages_run() -> None:
    names = {page_name(page) for page in RUNNABLE}
    assert "docs/tutorial/first-exchange.md" in names
    assert "docs/how-to/verify-evidence.md" in names


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.zh.md")), ids=page_name)
def test_commands_of_chinese_pages_are_those_of_the_english_page(page: Path) -> None:
    english = page.with_name(page.name.replace(".zh.md", ".md"))
    known = {line for _, text in blocks(english) for line in text.splitlines()}
    said = [line for _, text in blocks(page) for line in text.splitlines()]
    assert [line for line in said if line not in known] == []


@pytest.mark.parametrize("page", READMES, ids=page_name)
def test_readme_exists_and_leads_to_the_other_language(page: Path) -> None:
    other = next(readme for readme in READMES if readme != page)
    assert f"]({other.name})" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and anchor not in _anchors(place)):
            broken.append(target)
    assert broken == []


def _anchors(page: Path) -> set[str]:
    """Return the anchors that the page's headings have on the usual sites."""
    told = page.read_text(encoding="utf-8")
    plain = (re.sub(r"[^\w\s-]", "", text.lower()) for text in _HEADING.findall(told))
    headings = {text.strip().replace(" ", "-") for text in plain}
    return headings | set(_NAMED_ANCHOR.findall(told))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_page_names_no_machine_and_no_private_host(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if _FOREIGN.search(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_tests_that_the_page_names_exist(page: Path) -> None:
    missing = []
    for path, test in _TEST_ID.findall(page.read_text(encoding="utf-8")):
        file = ROOT / path
        if not file.is_file() or (test and test not in _tests_in(file)):
            missing.append(f"{path}::{test}")
    assert missing == []


def _tests_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("name", ["watch-a-zone.md", "watch-a-zone.zh.md"])
def test_findings_of_the_doctor_are_explained(name: str) -> None:
    folder = ROOT / "src" / "huitong" / "node" / "doctor"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    told = set(re.findall(r'\b(?:fine|warning|problem)\(\s*"([a-z0-9-]+)"', source))
    told |= set(re.findall(r'yield "(port-[a-z0-9]+)"', source))
    page = (DOCS / "how-to" / name).read_text(encoding="utf-8")
    rows = "".join(line for line in page.splitlines() if line.startswith("| `"))
    explained = set(re.findall(r"`([a-z0-9-]+)`", rows))
    assert len(told) > 30
    assert told - explained == set()


def test_reason_codes_of_policy_are_explained() -> None:
    folder = ROOT / "src" / "huitong" / "modules" / "exchange"
    source = "".join(
        (folder / name).read_text(encoding="utf-8")
        for name in ("policy.py", "standing.py")
    )
    codes = set(re.findall(r"^``([a-z-]+)``", source, re.M))
    page = (DOCS / "explanation" / "exchange.md").read_text(encoding="utf-8")
    assert codes
    assert {code for code in codes if f"| `{code}` |" not in page} == set()
    source = (folder.parent / "grants" / "coverage.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'return "(grant-[a-z-]+)"', source))
    assert codes
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_checks_of_a_bundle_are_explained() -> None:
    from huitong.evidence.checks import checks_of
    from huitong.evidence.kinds import KINDS

    page = (DOCS / "explanation" / "evidence.md").read_text(encoding="utf-8")
    named = {name for kind in KINDS.values() for name, _ in checks_of(kind)}
    assert {name for name in named if f"| {name} |" not in page} == set()
    assert {name for name in KINDS if f"| `{name}` |" not in page} == set()


def test_keys_of_a_benchmark_are_explained() -> None:
    from dataclasses import fields

    from huitong.bench.report import Report

    page = (DOCS / "explanation" / "benchmarks.md").read_text(encoding="utf-8")
    assert {
        item.name for item in fields(Report) if f"`{item.name}`" not in page
    } == set()


def test_seeded_bugs_are_told_beside_their_promise() -> None:
    from tests.repo.test_seeded_bugs import BUGS

    page = (DOCS / "explanation" / "promises.md").read_text(encoding="utf-8")
    assert {bug.name for bug in BUGS if bug.name not in page} == set()


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {
        (DOCS / target.partition("#")[0]).resolve() for target in _LINK.findall(index)
    }
    pages = {
        page.resolve()
        for page in DOCS.rglob("*.md")
        if page.name != "README.md" and page.parent.name != "decisions"
    }
    assert {page_name(page) for page in pages - linked} == set()


def test_reference_pages_are_what_the_code_gives() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/generate_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
