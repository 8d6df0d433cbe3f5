"""Which chain a client follows, and on what terms (ICS-07 ``ClientState``).

Rules for a client that may be created (ibc-go 07-tendermint ``Validate``): a chain id
that is not blank and has at most 50 bytes; trust level within [1/3, 1]; 0 < trusting
period < unbonding period; a positive drift; a latest height above zero in the revision
that the chain id names; proof specs that are safe to verify with; no blank part in the
upgrade path. Ours, on top: bounds on the counts, and no spec that ICS-23's hardening
would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.core.codec import decode, encode, type_url_of
from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.core.limits import (
    CHAIN_ID_SIZE_BYTES_MAX,
    CLIENT_STATE_SIZE_BYTES_MAX,
    INT64_MAX,
    PROOF_SPECS_MAX,
    UPGRADE_PATH_KEY_CHARACTERS_MAX,
    UPGRADE_PATH_MAX,
)
from huitong.core.store.ics23 import InvalidProofSpecError, check_proof_spec
from huitong.core.time import ns_from_duration
from huitong.light.errors import InvalidClientError, InvalidClientTypeError
from huitong.light.tendermint.errors import (
    InvalidChainIdError,
    InvalidHeaderHeightError,
    InvalidMaxClockDriftError,
    InvalidProofSpecsError,
    InvalidTrustingPeriodError,
    InvalidUnbondingPeriodError,
)
from huitong.light.tendermint.trust_level import TrustLevel, check_trust_level
from huitong.light.tendermint.verify import TrustOptions
from huitong.light.tendermint.wire import set_duration
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2

TYPE_URL: Final = type_url_of(tendermint_pb2.ClientState)
#: What ``frozen_height`` says of a frozen client, whatever the misbehaviour's height.
FROZEN_HEIGHT: Final = Height(0, 1)

_REQUIRED: Final = (
    "trust_level",
    "trusting_period",
    "unbonding_period",
    "max_clock_drift",
    "frozen_height",
    "latest_height",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState:
    """The other chain and the terms on which it is followed."""

    chain_id: str
    """The chain that is followed, 1 to 50 bytes."""
    trust_level: TrustLevel
    """Share of trusted power that must have signed a header further on."""
    trusting_period_ns: int
    """How long a header is trusted from its time on, above 0."""
    unbonding_period_ns: int
    """How long validators answer for what they signed, above the trusting period."""
    max_clock_drift_ns: int
    """How far ahead of this chain's time a header may be dated, above 0."""
    frozen_height: Height
    """0-0, or 0-1 after proven misbehaviour."""
    latest_height: Height
    """Highest header verified."""
    proof_specs: tuple[proofs_pb2.ProofSpec, ...]
    """Form of the Merkle proofs, lowest layer first; never changed in place."""
    upgrade_path: tuple[str, ...]
    """Where the other chain commits to its next revision; empty for nowhere."""
    allow_update_after_expiry: bool = False
    """Without effect; kept because old clients carry it."""
    allow_update_after_misbehaviour: bool = False
    """Without effect; kept because old clients carry it."""

    @property
    def trust_options(self) -> TrustOptions:
        """How far trust in a header reaches."""
        return TrustOptions(
            trusting_period_ns=self.trusting_period_ns,
            max_clock_drift_ns=self.max_clock_drift_ns,
            trust_level=self.trust_level,
        )


def check_client_state(state: ClientState) -> None:
    """Raise unless a client may be created or upgraded to ``state``.

    Raises:
        InvalidChainIdError, InvalidTrustLevelError, InvalidTrustingPeriodError,
        InvalidUnbondingPeriodError, InvalidMaxClockDriftError,
        InvalidHeaderHeightError, InvalidProofSpecsError, InvalidClientError: the field.
    """
    _check_chain_id(state.chain_id)
    check_trust_level(state.trust_level)
    _check_periods(state)
    revision = revision_of_chain_id(state.chain_id)
    if state.latest_height.revision_number != revision:
        raise InvalidHeaderHeightError(
            actual=state.latest_height, rule="needs to be in revision", limit=revision
        )
    if state.latest_height.revision_height == 0:
        raise InvalidHeaderHeightError(
            actual=state.latest_height, rule="needs to be above", limit=0
        )
    _check_proof_specs(state.proof_specs)
    _check_upgrade_path(state.upgrade_path)


def client_state_to_any(state: ClientState) -> Any:
    """Return the state as it is stored and proven, byte for byte as in Go."""
    message = tendermint_pb2.ClientState(
        chain_id=state.chain_id,
        trust_level=tendermint_pb2.Fraction(
            numerator=state.trust_level.numerator,
            denominator=state.trust_level.denominator,
        ),
        frozen_height=state.frozen_height.to_proto(),
        latest_height=state.latest_height.to_proto(),
        proof_specs=state.proof_specs,
        upgrade_path=state.upgrade_path,
        allow_update_after_expiry=state.allow_update_after_expiry,
        allow_update_after_misbehaviour=state.allow_update_after_misbehaviour,
    )
    set_duration(message.trusting_period, state.trusting_period_ns)
    set_duration(message.unbonding_period, state.unbonding_period_ns)
    set_duration(message.max_clock_drift, state.max_clock_drift_ns)
    return Any(type_url=TYPE_URL, value=encode(message))


def client_state_from_any(any_message: Any) -> ClientState:
    """Return the frozen form; its values are not yet checked.

    Raises:
        InvalidClientTypeError: of another kind.
        InvalidClientError: a part is absent or out of Go's range.
        DecodeError, InvalidTimeError: not the encoding of a client state.
    """
    if any_message.type_url != TYPE_URL:
        raise InvalidClientTypeError(actual=any_message.type_url)
    return _from_bytes(any_message.value)


def _from_bytes(data: bytes) -> ClientState:
    message = decode(
        tendermint_pb2.ClientState, data, size_bytes_max=CLIENT_STATE_SIZE_BYTES_MAX
    )
    for field in _REQUIRED:
        if not message.HasField(field):
            raise InvalidClientError(reason=f"{field} absent")
    return ClientState(
        chain_id=message.chain_id,
        trust_level=TrustLevel(
            numerator=message.trust_level.numerator,
            denominator=message.trust_level.denominator,
        ),
        trusting_period_ns=ns_from_duration(message.trusting_period),
        unbonding_period_ns=ns_from_duration(message.unbonding_period),
        max_clock_drift_ns=ns_from_duration(message.max_clock_drift),
        frozen_height=Height.from_proto(message.frozen_height),
        latest_height=Height.from_proto(message.latest_height),
        proof_specs=tuple(message.proof_specs),
        upgrade_path=tuple(message.upgrade_path),
        allow_update_after_expiry=message.allow_update_after_expiry,
        allow_update_after_misbehaviour=message.allow_update_after_misbehaviour,
    )


def _check_chain_id(chain_id: str) -> None:
    if not chain_id.strip():
        raise InvalidChainIdError(chain_id=chain_id, reason="is blank")
    if len(chain_id.encode()) > CHAIN_ID_SIZE_BYTES_MAX:
        raise InvalidChainIdError(chain_id=chain_id, reason="is over 50 bytes long")


def _check_periods(state: ClientState) -> None:
    trusting, unbonding = state.trusting_period_ns, state.unbonding_period_ns
    if not 0 < trusting <= INT64_MAX:
        raise InvalidTrustingPeriodError(
            period_ns=trusting, reason="needs to be positive and fit 63 bits"
        )
    if not 0 < unbonding <= INT64_MAX:
        raise InvalidUnbondingPeriodError(
            period_ns=unbonding, reason="needs to be positive and fit 63 bits"
        )
    if not 0 < state.max_clock_drift_ns <= INT64_MAX:
        raise InvalidMaxClockDriftError(
            drift_ns=state.max_clock_drift_ns,
            reason="needs to be positive and fit 63 bits",
        )
    if trusting >= unbonding:
        raise InvalidTrustingPeriodError(
            period_ns=trusting, reason=f"needs to be below unbonding, {unbonding} ns"
        )


def _check_proof_specs(specs: tuple[proofs_pb2.ProofSpec, ...]) -> None:
    if not 0 < len(specs) <= PROOF_SPECS_MAX:
        raise InvalidProofSpecsError(
            reason=f"{len(specs)} of them, needs 1 to {PROOF_SPECS_MAX}"
        )
    for layer, spec in enumerate(specs):
        try:
            check_proof_spec(spec)
        except InvalidProofSpecError as error:
            raise InvalidProofSpecsError(reason=f"layer {layer}: {error}") from None


def _check_upgrade_path(path: tuple[str, ...]) -> None:
    if len(path) > UPGRADE_PATH_MAX:
        raise InvalidClientError(
            reason=f"upgrade path of {len(path)} parts, at most {UPGRADE_PATH_MAX}"
        )
    for index, key in enumerate(path):
        if not key.strip() or len(key) > UPGRADE_PATH_KEY_CHARACTERS_MAX:
            raise InvalidClientError(
                reason=f"upgrade path part {index} is blank or too long"
            )
