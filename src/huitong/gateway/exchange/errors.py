"""Failures of an exchange; codespace flow."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import RejectedError, UnavailableError


class ExchangeRefusedError(
    RejectedError,
    codespace="flow",
    code=2,
    text="exchange {exchange} was refused: {reason_code}: {reason}",
):
    """The issuer's policy or officer said no."""


class ExchangeUndecidedError(
    UnavailableError,
    codespace="flow",
    code=3,
    text="exchange {exchange} is still {status} after {seconds} s",
    next_step="Check that a relayer runs and whether an officer must decide.",
):
    """Nobody has decided, or no relayer has brought the decision."""


class ExchangeStateError(
    RejectedError,
    codespace="flow",
    code=4,
    text="exchange {exchange}: expected {expected}, found {actual}",
):
    """The step does not fit what the zone says about the exchange."""


class RecordMismatchError(
    RejectedError,
    codespace="flow",
    code=5,
    text="the proven record differs from the decision in {what}: {expected}, {actual}",
):
    """What the zone proves is not what was granted."""


class AnswerMissingError(
    RejectedError, codespace="flow", code=6, text="{zone} has no {what}"
):
    """Something that the exchange needs is not in the other zone's state."""


class ClientUnusableError(
    RejectedError, codespace="flow", code=7, text="light client {client_id}: {reason}"
):
    """The own zone's light client no longer vouches for the other zone."""


class GradeTooLowError(
    RejectedError,
    codespace="flow",
    code=8,
    text="the answer is {actual}, wanted is at least {minimum}",
):
    """The answer is less well proven than the reader's policy wants."""


class ExchangeUnknownError(
    RejectedError, codespace="flow", code=9, text="no exchange {exchange_id}"
):
    """There is none, or it is not this gateway's."""

    http_status: ClassVar[int] = 404


class OrderKeyReusedError(
    RejectedError,
    codespace="flow",
    code=10,
    text="the key {key} came with another order before",
    next_step="Use a new key for a new order.",
):
    """The same key came again with another order."""

    http_status: ClassVar[int] = 409


class PublicationUnknownError(
    RejectedError, codespace="flow", code=11, text="no publication {publication_id}"
):
    """There is none."""

    http_status: ClassVar[int] = 404


class DocumentMissingError(
    RejectedError,
    codespace="flow",
    code=12,
    text="exchange {exchange_id} is {stage}: no document was received",
):
    """The exchange has not come so far, or this gateway was not the one who asked."""

    http_status: ClassVar[int] = 409


class NothingToDecideError(
    RejectedError,
    codespace="flow",
    code=13,
    text="exchange {exchange_id} is {stage} and waits for no decision",
):
    """Only a request that waits for an officer can be decided on."""

    http_status: ClassVar[int] = 409


class PeerUnknownError(
    RejectedError,
    codespace="flow",
    code=14,
    text="no gateway of {member_id} is known",
    next_step="Add [peers.{member_id}] to gateway.toml, then retry.",
):
    """Nobody has said where the member's gateway answers."""


class OtherZoneUnknownError(
    RejectedError,
    codespace="flow",
    code=15,
    text="no node of {chain_id} is known",
    next_step='Add [zones."{chain_id}"] with a node to gateway.toml, then retry.',
):
    """Proofs come from a node of the other zone; any will do."""


class ReaderKeyMissingError(
    RejectedError,
    codespace="flow",
    code=16,
    text="this gateway has no private key for the reader key {reader_key}",
    next_step="Put the reader key's file back, then retry.",
):
    """What was sealed to this key cannot be opened."""


class NotDeliveredYetError(
    UnavailableError,
    codespace="flow",
    code=17,
    text="exchange {exchange} is not granted on the own zone yet",
):
    """The sealed bytes came faster than the decision; they are checked when it is here."""


class ExchangeCancelError(
    RejectedError,
    codespace="flow",
    code=18,
    text="exchange {exchange_id} is {stage} and cannot be given up",
):
    """It has ended, or the other side is to act."""

    http_status: ClassVar[int] = 409


class ReceiptReturnedError(
    RejectedError,
    codespace="flow",
    code=20,
    text="the other zone did not take {count} receipts of exchange {exchange_id}",
    next_step="Check the relayer and the other zone, then retry the exchange.",
):
    """Receipts came back again and again."""


class NotSkippableError(
    RejectedError,
    codespace="flow",
    code=21,
    text="exchange {exchange_id} cannot go on without {kind}",
):
    """A person skipped a step that nothing else can stand for; the exchange has ended."""


class NotAskedForError(
    RejectedError,
    codespace="flow",
    code=22,
    text="nothing was asked for under {channel_id}/{sequence}",
):
    """No such request, or one to somebody else: the answer is the same."""

    http_status: ClassVar[int] = 404


class DeliveryDiffersError(
    RejectedError,
    codespace="flow",
    code=23,
    text="exchange {channel_id}/{sequence} is {stage} and takes no other bytes",
):
    """Other bytes came before, or nothing is waited for any more."""

    http_status: ClassVar[int] = 409


class RequestNotKnownYetError(
    UnavailableError,
    codespace="flow",
    code=24,
    text="a request on {channel_id} is on its way; whether it is {sequence} is not known yet",
):
    """The sealed bytes came before this gateway heard that its request is in a block."""

    http_status: ClassVar[int] = 503
