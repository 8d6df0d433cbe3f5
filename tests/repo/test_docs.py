"""The documentation is true: its commands run, its links and its tests exist."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.programs import need_cometbft

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
PAGES = (*READMES, *sorted(DOCS.rglob("*.md")))
#: A block is run if this line stands above it.
MARK = "<!-- run -->\n"
#: A page with this line is not run where that program is not installed.
NEEDS_COMETBFT = "<!-- needs cometbft -->\n"
_BLOCK = re.compile(r"^(<!-- run -->\n)?```sh\n(.*?)^```", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.M)
_TEST_ID = re.compile(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?`")
#: Bound of a page; they take some ten seconds on an idle machine.
SECONDS_MAX = 300
#: Ports that pages name; replaced by free ones, for something may listen there.
_PORTS = ("26657", "26757", "26660")
#: What speaks of one machine or one company's network, and helps no reader.
_FOREIGN = re.compile(
    r"/work/|/root/|/home/[a-z]+/|/tmp/[a-z]|registry\.|mirrors?\.|artifactory"
    r"|--index-url|--trusted-host|goproxy",
    re.I,
)


def _blocks(page: Path) -> Iterator[tuple[bool, str]]:
    """Walk over the ``sh`` blocks of a page: whether it is run, and its text."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield found[1] is not None, found[2]


def _script(page: Path) -> str:
    return "\n".join(text for is_run, text in _blocks(page) if is_run)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


RUNNABLE = [
    page for page in PAGES if _script(page) and not page.name.endswith(".zh.md")
]


def _free_ports(count: int) -> list[int]:
    """Return ports on which nothing listened a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
def test_commands_of_the_page_run(page: Path, tmp_path: Path) -> None:
    script = _script(page)
    for named, free in zip(_PORTS, _free_ports(len(_PORTS)), strict=True):
        script = script.replace(named, str(free))
    output = tmp_path / "output.txt"
    place = tmp_path / "place"
    place.mkdir()
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if NEEDS_COMETBFT in page.read_text(encoding="utf-8"):
        folders.append(str(need_cometbft().parent))
    environment = os.environ | {
        "PATH": os.pathsep.join(folders),
        "HOME": str(tmp_path),
        "HUITONG": str(ROOT),
    }
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = shell.wait(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end_session(shell)
    told = output.read_text(encoding="utf-8", errors="replace")
    assert code is not None, f"not done after {SECONDS_MAX} s: {told[-4_000:]}"
    assert code == 0, told[-4_000:]
    assert "Traceback" not in told


def _end_session(shell: subprocess.Popen[bytes]) -> None:
    """End what the page left running; only what the page itself started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, number)
        with suppress(subprocess.TimeoutExpired):
            shell.wait(timeout=10)


def test_some_pages_run() -> None:
    names = {_name(page) for page in RUNNABLE}
    assert "docs/tutorial/first-exchange.md" in names
    assert "docs/how-to/verify-evidence.md" in names


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.zh.md")), ids=_name)
def test_commands_of_chinese_pages_are_those_of_the_english_page(page: Path) -> None:
    english = page.with_name(page.name.replace(".zh.md", ".md"))
    known = {line for _, text in _blocks(english) for line in text.splitlines()}
    said = [line for _, text in _blocks(page) for line in text.splitlines()]
    assert [line for line in said if line not in known] == []


@pytest.mark.parametrize("page", READMES, ids=_name)
def test_readme_exists_and_leads_to_the_other_language(page: Path) -> None:
    other = next(readme for readme in READMES if readme != page)
    assert f"]({other.name})" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=_name)
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
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\s-]", "", text.lower()) for text in headings)
    return {text.strip().replace(" ", "-") for text in plain}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_names_no_machine_and_no_private_host(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if _FOREIGN.search(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
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
    source = (folder / "policy.py").read_text(encoding="utf-8")
    codes = set(re.findall(r"^``([a-z-]+)``", source, re.M))
    page = (DOCS / "explanation" / "exchange.md").read_text(encoding="utf-8")
    assert codes
    assert {code for code in codes if f"| `{code}` |" not in page} == set()


def test_checks_of_a_bundle_are_explained() -> None:
    from huitong.evidence.checks import CHECKS

    page = (DOCS / "explanation" / "evidence.md").read_text(encoding="utf-8")
    assert {name for name, _ in CHECKS if f"| {name} |" not in page} == set()


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
    assert {_name(page) for page in pages - linked} == set()


def test_reference_pages_are_what_the_code_gives() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/generate_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
