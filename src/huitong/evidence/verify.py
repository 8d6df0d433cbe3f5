"""Verify evidence bundles: offline, with nothing but the file and what one trusts.

The verdict is one of three:

* ``proven``: every check holds, and every header follows from a header or genesis that
  the verifier trusts, in both zones;
* ``unverified``: every check holds, but nobody said what is trusted, so the bundle is
  merely consistent with itself;
* refused: a check fails; the others after it are not made.

Pure: the clock comes from the caller and only bounds headers dated in the future.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cryptography.x509 import Certificate

from huitong.core.errors import HuitongError
from huitong.core.time import format_rfc3339
from huitong.evidence.case import Case
from huitong.evidence.checks import checks_of
from huitong.evidence.container import decode_container
from huitong.evidence.entries import SUBJECT_ENTRY, decode_subject, get_entry
from huitong.evidence.errors import ZoneNotTrustedError
from huitong.evidence.headers import trust_headers
from huitong.evidence.manifest import (
    MANIFEST_ENTRY,
    check_manifest,
    verify_signature,
)
from huitong.evidence.stamps import check_stamps
from huitong.evidence.trust import TrustAnchor

GRADE_PROVEN: Final = "proven"
GRADE_UNVERIFIED: Final = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """One check that was made."""

    name: str
    """What was checked, in one or two words."""
    ok: bool
    """Whether it holds."""
    detail: str
    """What was found, or what is wrong."""
    error: str | None
    """``codespace/code`` of what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one bundle."""

    checks: tuple[CheckOutcome, ...]
    """The checks in the order in which they were made; the last one may have failed."""
    grade: str | None
    """``proven`` or ``unverified``; None if a check failed."""

    @property
    def failed(self) -> CheckOutcome | None:
        """Return the check that failed, if one did."""
        last = self.checks[-1]
        return None if last.ok else last


def verify_bundle(
    data: bytes,
    trust: Mapping[str, TrustAnchor] | None,
    *,
    now_ns: int,
    authorities: Sequence[Certificate] = (),
) -> Verdict:
    """Check a bundle.

    Args:
        data: the bytes of the file.
        trust: what is trusted, by chain id; None if nobody said.
        now_ns: the verifier's clock, nanoseconds since the epoch, UTC.
        authorities: roots of the authorities whose time-stamps are believed.

    Returns:
        The verdict; nothing that can be in ``data`` raises.

    Cost: some 20 ms; a file with a changed byte is mostly refused within one.
    """
    checks: list[CheckOutcome] = []
    try:
        for name, detail in _run_checks(data, trust, now_ns, authorities):
            checks.append(CheckOutcome(name=name, ok=True, detail=detail, error=None))
    except _FailedCheck as failed:
        error = failed.error
        checks.append(
            CheckOutcome(
                name=failed.name,
                ok=False,
                detail=str(error),
                error=f"{error.codespace}/{error.code}",
            )
        )
        return Verdict(checks=tuple(checks), grade=None)
    grade = GRADE_UNVERIFIED if trust is None else GRADE_PROVEN
    return Verdict(checks=tuple(checks), grade=grade)


class _FailedCheck(Exception):  # noqa: N818 - carries an error, is none
    """A check did not hold."""

    def __init__(self, name: str, error: HuitongError) -> None:
        super().__init__(name)
        self.name = name
        self.error = error


def _run_checks(
    data: bytes,
    trust: Mapping[str, TrustAnchor] | None,
    now_ns: int,
    authorities: Sequence[Certificate],
) -> Iterator[tuple[str, str]]:
    """Yield name and finding of each check that holds."""
    with _naming("container"):
        entries = decode_container(data)
    yield "container", f"{len(data)} bytes, {len(entries)} entries"
    with _naming("manifest"):
        created_ns = check_manifest(entries)
    yield "manifest", f"lists every entry, made {format_rfc3339(created_ns)}"
    with _naming("signature"):
        public_key = verify_signature(entries)
    yield "signature", f"by the key {public_key.hex()}"
    case = Case(
        entries=entries, public_key=public_key, created_ns=created_ns, now_ns=now_ns
    )
    with _naming("entries"):
        subject = decode_subject(get_entry(entries, SUBJECT_ENTRY))
    for name, check in checks_of(subject.kind):
        with _naming(name):
            detail = check(case)
        yield name, detail
    if any(addendum.stamp for addendum in case.addenda):
        with _naming("time-stamps"):
            detail = check_stamps(case, entries[MANIFEST_ENTRY], authorities)
        yield "time-stamps", detail
    if trust is None:
        return
    for side in case.subject.kind.sides:
        name = f"trust in {case.chain_id(side)}"
        with _naming(name):
            detail = _check_trust(case, side, trust)
        yield name, detail


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except HuitongError as error:
        raise _FailedCheck(name, error) from error


def _check_trust(case: Case, side: str, trust: Mapping[str, TrustAnchor]) -> str:
    chain_id = case.chain_id(side)
    anchor = trust.get(chain_id)
    if anchor is None:
        raise ZoneNotTrustedError(zone=chain_id)
    histories = [case.evidence.zones[side].history] + [
        addendum.histories[side]
        for addendum in case.addenda
        if side in addendum.histories
    ]
    routes = trust_headers(
        case.headers(side), case.evidence.zones[side].headers.keys(), histories, anchor
    )
    counted = Counter(route.way for route in routes)
    ways = ", ".join(f"{count} {way}" for way, count in sorted(counted.items()))
    start = "genesis" if anchor.hash is None else f"header {anchor.height}"
    return f"from {start} to {len(routes)} headers: {ways}"
