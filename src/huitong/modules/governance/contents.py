"""The messages inside a proposal: which may stand there, and carrying them out."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.context import Context
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.execution import Routed, attempt, route_message, run_message
from huitong.core.gas import GasMeter
from huitong.core.limits import (
    PROPOSAL_GAS_MAX,
    PROPOSAL_MESSAGES_MAX,
    PROPOSAL_SIZE_BYTES_MAX,
)
from huitong.modules.governance.errors import (
    NotGovernedError,
    ProposalTooLargeError,
    WrongAuthorityError,
)
from huitong.proto.google.protobuf.any_pb2 import Any


def read_messages(ctx: Context, packed: Sequence[Any]) -> list[Routed]:
    """Return the messages of a proposal with the way each goes.

    Raises:
        InvalidRequestError: there are none.
        ProposalTooLargeError: too many, or too many bytes.
        RejectedError: sdk 2 or 6: a message that this zone cannot read.
        NotGovernedError: a message that is not decided by vote.
        WrongAuthorityError: a message in the name of an account.
    """
    if not packed:
        raise InvalidRequestError(reason="the proposal has no messages")
    size = sum(len(message.value) for message in packed)
    for what, actual, maximum in (
        ("messages", len(packed), PROPOSAL_MESSAGES_MAX),
        ("bytes of messages", size, PROPOSAL_SIZE_BYTES_MAX),
    ):
        if actual > maximum:
            raise ProposalTooLargeError(what=what, actual=actual, maximum=maximum)
    messages = []
    for index, message in enumerate(packed):
        routed = route_message(message.type_url, message.value, ctx.routes)
        if not routed.route.governed:
            raise NotGovernedError(index=index, what=message.type_url)
        signer = routed.route.signer(routed.message)
        if signer != GOVERNANCE_ADDRESS:
            raise WrongAuthorityError(
                index=index, signer=signer, authority=GOVERNANCE_ADDRESS
            )
        messages.append(routed)
    return messages


def check_would_work(ctx: Context, messages: Sequence[Routed]) -> None:
    """Check that the messages could be carried out now, one after the other.

    They are, in a branch that nobody keeps: nobody should vote for days on what cannot be.

    Raises:
        RejectedError: what the first message that fails raises.
    """
    work = ctx.branch(signer=GOVERNANCE_ADDRESS)
    for index, item in enumerate(messages):
        try:
            run_message(work, item, GOVERNANCE_ADDRESS, index)
        except HuitongError as wrong:
            raise wrong.prefixed(f"message {index} ({item.type_url})") from None


def carry_out(ctx: Context, packed: Sequence[Any]) -> tuple[int, HuitongError] | None:
    """Carry out all messages of a proposal, or none.

    Returns:
        None if all were; else the place of the one that failed, and its failure.

    Raises:
        UnavailableError, BrokenError: this node cannot read its state.
    """
    work = ctx.branch(gas=GasMeter(PROPOSAL_GAS_MAX), signer=GOVERNANCE_ADDRESS)
    place = 0

    def run_all() -> None:
        nonlocal place
        for index, item in enumerate(read_messages(work, packed)):
            place = index
            run_message(work, item, GOVERNANCE_ADDRESS, index)

    failure = attempt(run_all)
    if failure is not None:
        return place, failure
    ctx.merge(work)
    return None
