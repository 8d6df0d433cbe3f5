"""Refusals of the module ``exchange``, codespace ``exchange``.

What can never be right in a message is ``sdk`` 18.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class ExchangeNotFoundError(
    RejectedError,
    codespace="exchange",
    code=2,
    text="no exchange {sequence} on {channel_id}",
):
    """This zone holds no exchange of this channel, sequence and side."""


class MalformedPacketError(
    RejectedError, codespace="exchange", code=3, text="malformed packet: {reason}"
):
    """Packet data that is no request and no receipt."""


class ChannelOrderingError(
    RejectedError,
    codespace="exchange",
    code=4,
    text="channel ordering {ordering}, expected ORDER_UNORDERED",
):
    """An ordered channel would be closed by the first request that times out."""


class ChannelVersionError(
    RejectedError,
    codespace="exchange",
    code=5,
    text="channel version {actual}, expected {expected}",
):
    """The other end speaks another protocol."""


class ChannelPortError(
    RejectedError,
    codespace="exchange",
    code=6,
    text="port {actual}, expected {expected}",
):
    """Exchanges run between exchange ports only."""


class ChannelCloseError(
    RejectedError,
    codespace="exchange",
    code=7,
    text="channel {channel_id} cannot be closed by a message",
):
    """Closing would leave requests without an answer."""


class NotPartyError(
    RejectedError,
    codespace="exchange",
    code=8,
    text="the signer acts for {actual}, not for {expected}",
):
    """Only the requester confirms, only the issuer decides and delivers."""


class ExchangeStatusError(
    RejectedError,
    codespace="exchange",
    code=9,
    text="exchange {sequence} on {channel_id} is {status}, which does not allow {wanted}",
):
    """The step does not follow from where the exchange stands."""


class DigestMismatchError(
    RejectedError,
    codespace="exchange",
    code=10,
    text="{what} {actual}, expected {expected}",
):
    """What was delivered or received is not what was decided on."""


class NotShareableError(
    RejectedError,
    codespace="exchange",
    code=11,
    text="record {record_id} of {issuer} cannot be shared: {reason_code}",
):
    """An officer cannot grant what the zone's rules forbid."""


class DeadlinePassedError(
    RejectedError,
    codespace="exchange",
    code=12,
    text="the deadline of exchange {sequence} on {channel_id} passed at {deadline}",
):
    """The request is refused by the next block."""


class FieldsNotAskedError(
    RejectedError,
    codespace="exchange",
    code=13,
    text="field {name} was not asked for or is not in the record",
):
    """A decision grants only fields that were asked for."""


class DecisionError(
    RejectedError, codespace="exchange", code=14, text="not a decision: {reason}"
):
    """The acknowledgement of a request holds no decision on this request."""


class ReceiptExistsError(
    RejectedError,
    codespace="exchange",
    code=15,
    text="exchange {sequence} on {channel_id} has a receipt already",
):
    """An exchange is received once."""


class ExchangeParamsError(
    RejectedError,
    codespace="exchange",
    code=16,
    text="{field} of {actual}, expected 1 to {maximum}",
):
    """No zone can work by such rules."""


class SubscriptionNotFoundError(
    RejectedError,
    codespace="exchange",
    code=17,
    text="no standing permission {sequence} on {channel_id}",
):
    """This zone holds no subscription of this channel, sequence and side."""


class SubscriptionStateError(
    RejectedError,
    codespace="exchange",
    code=18,
    text="the standing permission {sequence} on {channel_id} is {state}: {reason_code}",
):
    """It is over, so nothing more is given or taken under it, and it ends once."""


class RecordNotSelectedError(
    RejectedError,
    codespace="exchange",
    code=19,
    text="record {record_id} is not among those of the standing permission {sequence}",
):
    """A standing permission is for one record, or for one type."""


class PushExistsError(
    RejectedError,
    codespace="exchange",
    code=20,
    text="version {version} of {record_id} was pushed already, as number {number}",
):
    """Each version is pushed at most once, unless it is proven that it did not arrive."""


class PushNotCoveredError(
    RejectedError,
    codespace="exchange",
    code=21,
    text="the push is not what the standing permission {sequence} allows: {reason}",
):
    """The other zone pushes something else than was asked for and granted."""


class ReceiverNotReadyError(
    RejectedError,
    codespace="exchange",
    code=22,
    text="{member_id} does not take anything: no member, or not in force",
):
    """Nothing is taken in the name of a member that is suspended, frozen or unknown."""


class HandOverNotFoundError(
    RejectedError,
    codespace="exchange",
    code=23,
    text="no hand-over {sequence} on {channel_id}",
):
    """This zone holds no hand-over of this channel, sequence and side."""


class HandOverStatusError(
    RejectedError,
    codespace="exchange",
    code=24,
    text="hand-over {sequence} on {channel_id} is {status}, which does not allow {wanted}",
):
    """A hand-over is decided once."""


class TooManyWaitingError(
    RejectedError,
    codespace="exchange",
    code=25,
    text="{count} packets of {channel_id} wait for officers already",
):
    """A flood, not a queue."""


class GradeTooLowError(
    RejectedError,
    codespace="exchange",
    code=30,
    text="grade {grade}, but the decision asks for {grade_min}",
    next_step="Check what arrived with a proof: `huitong exchange receive`.",
):
    """What cannot be trusted as far as the grant asks counts as not received."""


class NoEmergencyError(
    RejectedError,
    codespace="exchange",
    code=31,
    text="exchange {sequence} on {channel_id} is no emergency",
):
    """Glass is broken only for a request that says so itself."""


class BreakGlassRoleError(
    RejectedError,
    codespace="exchange",
    code=32,
    text="for {record_type} glass is broken by {roles}, not by this account",
):
    """Members have not decided that this role breaks glass for this type of record."""
