"""Failures of any kind of light client; numbers follow ibc-go's ``client`` codespace.

Kinds of client refine these in their own codespace. The module that keeps clients,
connections and channels raises them too and adds those that only it can see.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class InvalidClientError(
    RejectedError, codespace="client", code=3, text="{reason}: light client is invalid"
):
    """A client state, or one of its parameters, can never be right."""


class ClientNotFoundError(
    RejectedError,
    codespace="client",
    code=4,
    text="{client_id}: light client not found",
):
    """No client has this id on this chain."""


class ConsensusStateNotFoundError(
    RejectedError,
    codespace="client",
    code=7,
    text="{client_id} at height {height}: consensus state not found",
):
    """The client has never verified a header at this height, or has pruned it."""


class InvalidConsensusError(
    RejectedError, codespace="client", code=8, text="{reason}: invalid consensus state"
):
    """A consensus state is of another kind, or a field of it can never be right."""


class InvalidClientTypeError(
    RejectedError, codespace="client", code=10, text="{actual}: invalid client type"
):
    """No implementation takes this kind of client, state or message."""


class InvalidClientHeaderError(
    RejectedError, codespace="client", code=12, text="{reason}: invalid client header"
):
    """An update lacks a part, or passes a limit, before anything in it is verified."""


class InvalidMisbehaviourError(
    RejectedError, codespace="client", code=13, text="{reason}: invalid misbehaviour"
):
    """Two headers that do not prove that their validators misbehaved."""


class InvalidRecoveryClientError(
    RejectedError, codespace="client", code=24, text="{reason}: invalid recovery client"
):
    """The client that should be recovered needs no recovery."""


class InvalidUpgradeClientError(
    RejectedError, codespace="client", code=25, text="{reason}: invalid client upgrade"
):
    """The client cannot follow an upgrade, or the upgrade is not for it."""


class InvalidClientHeightError(
    RejectedError,
    codespace="client",
    code=26,
    text="height {actual}, needs to be above {limit}: invalid height",
):
    """A substitute that is not ahead of the client it should replace."""


class InvalidSubstituteError(
    RejectedError,
    codespace="client",
    code=27,
    text="{field} differs from the subject's: invalid client substitute",
):
    """A substitute whose parameters are not those of the client it should replace."""


class ClientNotActiveError(
    RejectedError,
    codespace="client",
    code=29,
    text="client {client_id} status is {status}: client state is not active",
):
    """A frozen or expired client verifies nothing."""


class ProofHeightError(
    RejectedError,
    codespace="ibc",
    code=9,
    text="client state height < proof height ({latest} < {asked}): invalid height",
    next_step="Update the client to a header at or above the proof's height first.",
):
    """The client has not yet seen a header as high as the proof's."""
