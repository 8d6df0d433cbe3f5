"""``huitong verify``: check evidence bundles offline."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

import click
import orjson
from cryptography.x509 import Certificate
from rich.console import Console
from rich.text import Text

from huitong.cli.errors import cli_errors
from huitong.core.errors import HuitongError
from huitong.evidence.bundle_file import read_bundle
from huitong.evidence.trust import TrustAnchor, load_authorities, load_trust
from huitong.evidence.verify import (
    GRADE_PROVEN,
    GRADE_UNVERIFIED,
    CheckOutcome,
    Verdict,
    verify_bundle,
)

EXIT_PROVEN: Final = 0
EXIT_FAILED: Final = 1
EXIT_UNVERIFIED: Final = 3
_EXITS: Final = {GRADE_PROVEN: EXIT_PROVEN, GRADE_UNVERIFIED: EXIT_UNVERIFIED}


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--trust",
    "trust_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What you trust: for each zone a header (older or newer) or the genesis.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@cli_errors
def verify(files: tuple[Path, ...], trust_path: Path | None, as_json: bool) -> None:
    """Check evidence bundles offline, and print each check.

    Ends with 0 if everything holds against the trust file, with 3 if a bundle is merely
    consistent with itself because no trust was given, and with 1 if a check fails.
    """
    trust = None if trust_path is None else load_trust(trust_path)
    authorities = () if trust_path is None else load_authorities(trust_path)
    verdicts = [(path, _verify_file(path, trust, authorities)) for path in files]
    if as_json:
        click.echo(orjson.dumps(_to_json(verdicts), option=orjson.OPT_INDENT_2))
    else:
        for path, verdict in verdicts:
            _show(path, verdict)
    exits = [exit_code(verdict) for _, verdict in verdicts]
    sys.exit(EXIT_FAILED if EXIT_FAILED in exits else max(exits))


def exit_code(verdict: Verdict) -> int:
    """Return what the command ends with for one bundle."""
    return EXIT_FAILED if verdict.grade is None else _EXITS[verdict.grade]


def _verify_file(
    path: Path,
    trust: dict[str, TrustAnchor] | None,
    authorities: tuple[Certificate, ...],
) -> Verdict:
    try:
        data = read_bundle(path)
    except HuitongError as error:
        failed = CheckOutcome(
            name="file",
            ok=False,
            detail=str(error),
            error=f"{error.codespace}/{error.code}",
        )
        return Verdict(checks=(failed,), grade=None)
    return verify_bundle(data, trust, now_ns=time.time_ns(), authorities=authorities)


def _to_json(verdicts: list[tuple[Path, Verdict]]) -> dict[str, Any]:
    grades = [verdict.grade for _, verdict in verdicts]
    lowest = GRADE_UNVERIFIED if GRADE_UNVERIFIED in grades else GRADE_PROVEN
    return {
        "ok": all(grade == GRADE_PROVEN for grade in grades),
        "grade": None if None in grades else lowest,
        "files": [
            {
                "file": str(path),
                "ok": verdict.grade == GRADE_PROVEN,
                "grade": verdict.grade,
                "failed": verdict.failed.name if verdict.failed else None,
                "error": verdict.failed.error if verdict.failed else None,
                "detail": verdict.failed.detail if verdict.failed else None,
                "checks": [
                    {"name": check.name, "ok": check.ok, "detail": check.detail}
                    for check in verdict.checks
                ],
            }
            for path, verdict in verdicts
        ],
    }


def _show(path: Path, verdict: Verdict) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(str(path), style="bold"))
    for check in verdict.checks:
        mark, style = ("✓", "green") if check.ok else ("✗", "red")
        console.print(
            Text.assemble(f"  {mark} ", (f"{check.name:<24}", style), check.detail)
        )
    console.print(_conclusion(verdict))


def _conclusion(verdict: Verdict) -> Text:
    if verdict.failed is not None:
        return Text.assemble(
            ("refused", "bold red"),
            f": the check “{verdict.failed.name}” fails [{verdict.failed.error}]",
        )
    if verdict.grade == GRADE_UNVERIFIED:
        return Text.assemble(
            ("unverified", "bold yellow"),
            ": consistent with itself; give --trust FILE to prove it",
        )
    return Text.assemble(("proven", "bold green"), ": every check holds")
