"""From a header that a verifier trusts to every header of a bundle.

Three ways lead from the trusted header, of which each is proven, none assumed:

* *equal*: the bundle has a header of the same height; then its hash must be the same.
* *forward*: a light client's verification, adjacent or skipping, from an older trusted
  header; the trusting period counts from that header to the one verified, as if the
  verifier had looked when the evidence was new.
* *backward*: a header that is trusted commits to the state, the state to the accumulator
  over all older header hashes, and the accumulator to the older header. No age is too
  great, because nobody's signature of long ago is believed, only hashes.

They are applied until nothing new is found. Every header that a proof rests on must be
reached in the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from huitong.core.codec import decode
from huitong.core.errors import HuitongError
from huitong.core.time import NS_PER_SECOND
from huitong.evidence.errors import (
    HeaderNotTrustedError,
    HeaderTooNewError,
    HistoryError,
    TrustedHashError,
)
from huitong.evidence.model import HistoryEvidence
from huitong.evidence.proofs import verify_state
from huitong.evidence.trust import TrustAnchor
from huitong.light.tendermint.errors import HeaderFromFutureError
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.signed_header import LightBlock, check_signed_header
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.light.tendermint.verify import (
    TrustedHeader,
    TrustOptions,
    check_validators_hash,
    verify_commit,
    verify_light_header,
)
from huitong.modules.history.keys import ACCUMULATOR_KEY
from huitong.modules.history.keys import STORE as HISTORY_STORE
from huitong.modules.history.proofs import verify_history_proof
from huitong.proto.huitong.history.v1.history_pb2 import HistoryProof

#: How far a header may be dated ahead of the verifier's clock.
CLOCK_DRIFT_NS_MAX: Final = 10 * NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one header came to be trusted."""

    height: int
    """The header's height."""
    way: str
    """``equal``, ``forward`` or ``backward``."""


def check_light_block(block: LightBlock, chain_id: str, now_ns: int) -> None:
    """Check that a header is what its own validators signed, and not from the future.

    Raises:
        InvalidHeaderError: one of its subclasses.
    """
    signed = block.signed_header
    check_signed_header(signed, chain_id)
    header = signed.header
    limit_ns = now_ns + CLOCK_DRIFT_NS_MAX
    if header.time_ns >= limit_ns:
        raise HeaderFromFutureError(actual_ns=header.time_ns, limit_ns=limit_ns)
    validators = get_validators(block)
    check_validators_hash(validators, header.validators_hash)
    if block.next_validators is not None:
        check_validators_hash(block.next_validators, header.next_validators_hash)
    verify_commit(signed.commit, validators, chain_id)


def get_validators(block: LightBlock) -> ValidatorSet:
    """Return the set that signs the block; entries without it are not read at all."""
    if block.validators is None:
        raise HistoryError(
            zone=block.signed_header.header.chain_id,
            reason=f"header {block.signed_header.header.height} has no validators",
        )
    return block.validators


def verify_history(
    history: HistoryEvidence, headers: Mapping[int, LightBlock], chain_id: str
) -> tuple[int, ...]:
    """Verify that ``history`` leads from its header back; return the heights proven.

    Raises:
        HistoryError: no header for it, a malformed path, or a path to another hash.
        StateProofError: the accumulator is not in the header's state.
    """
    accumulator = history.accumulator
    if (accumulator.store, accumulator.key) != (HISTORY_STORE, ACCUMULATOR_KEY):
        raise HistoryError(zone=chain_id, reason="the value is not the accumulator")
    verify_state("accumulator", accumulator, headers, chain_id)
    proven: list[int] = []
    for path in history.paths:
        proof = _read_path(path, accumulator.value, chain_id)
        block = headers.get(proof.height)
        if block is None:
            raise HistoryError(zone=chain_id, reason=f"no header {proof.height}")
        if header_hash(block.signed_header.header) != proof.header_hash:
            raise HistoryError(
                zone=chain_id, reason=f"header {proof.height} is not the recorded one"
            )
        proven.append(proof.height)
    return tuple(proven)


def trust_headers(
    headers: Mapping[int, LightBlock],
    wanted: Collection[int],
    histories: Iterable[HistoryEvidence],
    anchor: TrustAnchor,
) -> tuple[Route, ...]:
    """Find a way from ``anchor`` to each header that is wanted.

    Args:
        headers: all headers of a zone, also those of addenda, by height; each is known
            to be signed by its own validators (``check_light_block``).
        wanted: heights of those that proofs rest on; others only help on the way.
        histories: each is known to verify (``verify_history``).
        anchor: what the verifier trusts.

    Raises:
        TrustedHashError: the bundle has another header than the trusted one.
        HeaderTooNewError: the anchor is newer than everything in the bundle.
        HeaderNotTrustedError: no way leads to some header.
    """
    search = _Search(headers, anchor)
    search.take_equal()
    search.check_successor()
    search.walk_forward()
    backward = [
        (history.accumulator.height + 1, _heights(history)) for history in histories
    ]
    grown = True
    while grown:
        grown = search.walk_back(backward)
    return search.finish(wanted)


class _Search:
    """The headers trusted so far, and why the others are not."""

    def __init__(self, headers: Mapping[int, LightBlock], anchor: TrustAnchor) -> None:
        self._headers = headers
        self._anchor = anchor
        self._ways: dict[int, str] = {}
        self._reasons: dict[int, str] = {}
        self._sets = _validator_sets(headers, anchor)

    def take_equal(self) -> None:
        """Compare the header of the anchor's own height, if there is one."""
        anchor = self._anchor
        block = self._headers.get(anchor.height)
        if block is None or anchor.hash is None:
            return
        header = block.signed_header.header
        for what, actual, expected in (
            ("header hash", header_hash(header), anchor.hash),
            ("validators", header.validators_hash, anchor.validators_hash),
            (
                "next validators",
                header.next_validators_hash,
                anchor.next_validators_hash,
            ),
            ("time", header.time_ns, anchor.time_ns),
        ):
            if expected is not None and actual != expected:
                raise TrustedHashError(
                    zone=anchor.chain_id,
                    height=anchor.height,
                    what=what,
                    actual=actual,
                    expected=expected,
                )
        self._ways[anchor.height] = "equal"

    def check_successor(self) -> None:
        """Compare what the next header says of the anchor's, if the bundle has it.

        A light client asks only who signed. Validators who sign two chains would pass;
        the next header names the chain that it continues.
        """
        anchor = self._anchor
        block = self._headers.get(anchor.height + 1)
        if block is None or anchor.hash is None:
            return
        actual = block.signed_header.header.last_block_id.hash
        if actual != anchor.hash:
            raise TrustedHashError(
                zone=anchor.chain_id,
                height=anchor.height,
                what="header hash, as the next header names it,",
                actual=actual,
                expected=anchor.hash,
            )

    def walk_forward(self) -> None:
        """Verify newer headers one after another, from the newest trusted one first."""
        start = self._start()
        if start is None:
            return
        sources = [start]
        for height in sorted(self._headers):
            if height <= self._anchor.height:
                continue
            for trusted in reversed(sources):
                if self._is_verified(height, trusted, start):
                    self._ways[height] = "forward"
                    sources.append(_trusted(self._headers[height]))
                    break

    def walk_back(self, backward: list[tuple[int, tuple[int, ...]]]) -> bool:
        """Add what trusted headers lead back to; tell whether anything was new."""
        before = len(self._ways)
        for height, older in backward:
            if height in self._ways:
                for found in older:
                    self._ways.setdefault(found, "backward")
        return len(self._ways) > before

    def finish(self, wanted: Collection[int]) -> tuple[Route, ...]:
        """Return the ways, or raise for the newest wanted header that has none."""
        missing = sorted(set(wanted) - self._ways.keys())
        if not missing:
            return tuple(
                Route(height=height, way=self._ways[height])
                for height in sorted(wanted)
            )
        anchor, newest = self._anchor, max(self._headers)
        if anchor.height > newest:
            raise HeaderTooNewError(
                zone=anchor.chain_id, trusted_height=anchor.height, height=newest
            )
        raise HeaderNotTrustedError(
            zone=anchor.chain_id,
            height=missing[-1],
            trusted_height=anchor.height,
            reason=self._reasons.get(missing[-1], "nothing leads back to it"),
        )

    def _start(self) -> TrustedHeader | None:
        """Return the anchor as the light client needs it, or None if it cannot be."""
        anchor = self._anchor
        block = self._headers.get(anchor.height)
        if block is not None and anchor.hash is not None:
            return _trusted(block)
        validators_hash = anchor.next_validators_hash or anchor.validators_hash
        if anchor.time_ns is None or validators_hash is None:
            for height in self._headers:
                self._reasons[height] = "the trust file does not give the header's time"
            return None
        return TrustedHeader(
            height=anchor.height,
            time_ns=anchor.time_ns,
            next_validators_hash=validators_hash,
        )

    def _is_verified(
        self, height: int, trusted: TrustedHeader, start: TrustedHeader
    ) -> bool:
        block = self._headers[height]
        time_ns = block.signed_header.header.time_ns
        validators = self._sets.get(trusted.next_validators_hash)
        if validators is None:
            self._reasons[height] = (
                f"the validators after height {trusted.height} are not in the bundle"
            )
            return False
        # Nothing may be older than the anchor allows, however many steps are taken.
        period_ns = self._anchor.trusting_period_ns - (trusted.time_ns - start.time_ns)
        options = TrustOptions(
            trusting_period_ns=period_ns,
            max_clock_drift_ns=CLOCK_DRIFT_NS_MAX,
            trust_level=self._anchor.trust_level,
        )
        try:
            verify_light_header(
                chain_id=self._anchor.chain_id,
                trusted=trusted,
                trusted_validators=validators,
                signed_header=block.signed_header,
                validators=get_validators(block),
                options=options,
                now_ns=time_ns,
            )
        except HuitongError as error:
            self._reasons[height] = str(error)
            return False
        return True


def _trusted(block: LightBlock) -> TrustedHeader:
    header: BlockHeader = block.signed_header.header
    return TrustedHeader(
        height=header.height,
        time_ns=header.time_ns,
        next_validators_hash=header.next_validators_hash,
    )


def _validator_sets(
    headers: Mapping[int, LightBlock], anchor: TrustAnchor
) -> dict[bytes, ValidatorSet]:
    """Return every validator set at hand by its hash; a hash is all that names one."""
    known = [anchor.validators]
    for block in headers.values():
        known += (block.validators, block.next_validators)
    return {
        validators.hash: validators for validators in known if validators is not None
    }


def _read_path(path: bytes, accumulator: bytes, chain_id: str) -> HistoryProof:
    try:
        proof = decode(HistoryProof, path)
        verify_history_proof(proof, accumulator)
    except HuitongError as error:
        raise HistoryError(zone=chain_id, reason=str(error)) from error
    return proof


def _heights(history: HistoryEvidence) -> tuple[int, ...]:
    return tuple(HistoryProof.FromString(path).height for path in history.paths)
