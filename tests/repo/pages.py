"""Pages of the documentation, and running the commands that they show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from huitong.localnet.ports import free_ports

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
READMES: Final = (ROOT / "README.md", ROOT / "README.zh.md")
PAGES: Final = (*READMES, *sorted(DOCS.rglob("*.md")))
#: A page with this line is not run where that program is not installed.
_NEEDS: Final = re.compile(r"^<!-- needs ([a-z]+) -->$", re.M)
#: A block is run if the comment stands above it.
_BLOCK: Final = re.compile(r"^(<!-- run -->\n)?```sh\n(.*?)^```", re.M | re.S)
#: Bound of a page that hangs: they take some ten seconds on an idle machine, and many times
#: that on one at work on other things.
SECONDS_MAX: Final = 1_200
#: Ports that pages name; replaced by free ones, for something may listen there.
_PORTS: Final = (
    *("26657", "26757", "26660", "9090", "9190"),
    *("8480", "8481", "8580", "8581"),
)


def blocks(page: Path) -> Iterator[tuple[bool, str]]:
    """Walk over the ``sh`` blocks of a page: whether it is run, and its text."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield found[1] is not None, found[2]


def script(page: Path) -> str:
    """Return what is run of a page."""
    return "\n".join(text for is_run, text in blocks(page) if is_run)


def needed_programs(page: Path) -> list[str]:
    """Return the programs of others that a page needs."""
    return _NEEDS.findall(page.read_text(encoding="utf-8"))


def page_name(page: Path) -> str:
    """Return a page's path below the repository."""
    return str(page.relative_to(ROOT))


#: Pages with commands that are run; of two languages the English one.
RUNNABLE: Final = [
    page for page in PAGES if script(page) and not page.name.endswith(".zh.md")
]


def run_page(page: Path, tmp_path: Path, programs: list[Path]) -> None:
    """Run the commands of a page in a shell that stops at the first failure.

    Args:
        page: the page.
        tmp_path: becomes the shell's home; it works in the folder ``place`` below it.
        programs: programs that are to be found on the path.
    """
    commands = script(page)
    for named, free in zip(_PORTS, free_ports(len(_PORTS)), strict=True):
        commands = commands.replace(named, str(free))
    output = tmp_path / "output.txt"
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)
    folders = [Path(sys.executable).parent, *(path.parent for path in programs)]
    environment = os.environ | {
        "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "HUITONG": str(ROOT),
    }
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-euxo", "pipefail", "-c", commands],
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
