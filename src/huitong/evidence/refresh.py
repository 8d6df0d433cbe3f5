"""Prove a bundle's headers to a newer header, so that new trust reaches old evidence.

Anybody who holds a bundle and reaches a node of its zones can do this; neither the
maker's key nor the other zone is needed, and the signed part stays as it is. What the
node says is checked before it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from huitong.core.limits import BUNDLE_ADDENDA_MAX
from huitong.evidence.addenda import decode_addenda, encode_addendum
from huitong.evidence.container import decode_container, encode_container
from huitong.evidence.entries import decode_evidence
from huitong.evidence.errors import RefreshError
from huitong.evidence.gathering import prove_history
from huitong.evidence.manifest import MANIFEST_ENTRY
from huitong.evidence.model import Addendum, HistoryEvidence
from huitong.evidence.sources import ZoneSource
from huitong.evidence.verify import Verdict, verify_bundle
from huitong.light.tendermint.signed_header import LightBlock

#: Proofs are read below a header, so the newest state that can be proven is one behind.
_BEHIND: Final = 1


async def refresh_bundle(
    data: bytes, zones: Sequence[ZoneSource], *, now_ns: int
) -> bytes:
    """Return the bundle with one addendum more.

    Args:
        data: a bundle that is consistent with itself.
        zones: one or both of its zones.
        now_ns: the caller's clock, nanoseconds since the epoch, UTC.

    Raises:
        RefreshError: the bundle does not verify, a node is of another zone or behind
            the bundle, or has another history.
        UnavailableError, QueryError: a node does not answer.
    """
    _check(verify_bundle(data, None, now_ns=now_ns), "the bundle")
    entries = decode_container(data)
    evidence = decode_evidence(entries)
    number = len(decode_addenda(entries)) + 1
    if number > BUNDLE_ADDENDA_MAX:
        raise RefreshError(reason=f"it has {BUNDLE_ADDENDA_MAX} addenda already")
    sides = {
        evidence.subject.zone(side).chain_id: side
        for side in evidence.subject.kind.sides
    }
    headers: dict[str, LightBlock] = {}
    histories: dict[str, HistoryEvidence] = {}
    for zone in zones:
        chain_id = await zone.chain_id()
        side = sides.get(chain_id)
        if side is None:
            raise RefreshError(
                reason=f"the bundle is about {' and '.join(sides)}, not {chain_id}"
            )
        known = sorted(evidence.zones[side].headers)
        newest = await zone.latest_height()
        if newest <= known[-1]:
            raise RefreshError(
                reason=f"{chain_id} is at {newest}, the bundle at {known[-1]} already"
            )
        headers[side] = await zone.light_block(newest)
        histories[side] = await prove_history(zone, newest - _BEHIND, known)
    addendum = Addendum(
        headers=MappingProxyType(headers), histories=MappingProxyType(histories)
    )
    added = encode_addendum(addendum, number, entries[MANIFEST_ENTRY])
    refreshed = encode_container(entries | added)
    _check(verify_bundle(refreshed, None, now_ns=now_ns), "the refreshed bundle")
    return refreshed


def _check(verdict: Verdict, what: str) -> None:
    failed = verdict.failed
    if failed is not None:
        raise RefreshError(
            reason=f"{what} fails its check {failed.name}: {failed.detail}"
        )
