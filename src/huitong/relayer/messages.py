"""The messages that a relayer sends, from packets and proofs. Pure."""

from __future__ import annotations

from huitong.core.codec import pack_any
from huitong.core.gogoproto import with_required
from huitong.core.height import Height
from huitong.modules.links import keys
from huitong.proto.google.protobuf import any_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.relayer.lane import Lane
from huitong.relayer.plan import Action, Stage


def update_client(
    *, client_id: str, client_message: any_pb2.Any, signer: str
) -> any_pb2.Any:
    """Return the message that teaches a client a header."""
    return pack_any(
        client_tx_pb2.MsgUpdateClient(
            client_id=client_id, client_message=client_message, signer=signer
        )
    )


def proof_keys(lane: Lane, action: Action) -> list[bytes]:
    """Return the keys of the ``ibc`` store whose proofs the action's message carries.

    They are keys of a for RECEIVE, and of b for everything else.
    """
    a, b, sequence = lane.end_on_a, lane.end_on_b, action.sequence
    if action.stage is Stage.RECEIVE:
        return [keys.commitment(a.port_id, a.channel_id, sequence)]
    if action.stage is Stage.ACKNOWLEDGE:
        return [keys.acknowledgement(b.port_id, b.channel_id, sequence)]
    if lane.is_ordered:
        unreceived = keys.next_sequence_receive(b.port_id, b.channel_id)
    else:
        unreceived = keys.receipt(b.port_id, b.channel_id, sequence)
    if action.stage is Stage.TIME_OUT:
        return [unreceived]
    return [unreceived, keys.channel(b.port_id, b.channel_id)]


def packet_message(
    lane: Lane,
    action: Action,
    *,
    proofs: list[bytes],
    proof_height: Height,
    signer: str,
) -> any_pb2.Any:
    """Return the message that carries out ``action``.

    Args:
        lane: the lane; the packet, and for ACKNOWLEDGE the answer, must be in it.
        action: what to do.
        proofs: encoded Merkle proofs of ``proof_keys``, in their order.
        proof_height: the header that the proofs verify against.
        signer: address of the relayer's account on the chain that gets the message.
    """
    packet = lane.sent[action.sequence].packet
    height = proof_height.to_proto()
    if action.stage is Stage.RECEIVE:
        return pack_any(
            with_required(
                channel_tx_pb2.MsgRecvPacket(
                    packet=packet,
                    proof_commitment=proofs[0],
                    proof_height=height,
                    signer=signer,
                )
            )
        )
    if action.stage is Stage.ACKNOWLEDGE:
        return pack_any(
            with_required(
                channel_tx_pb2.MsgAcknowledgement(
                    packet=packet,
                    acknowledgement=lane.answers[action.sequence].acknowledgement,
                    proof_acked=proofs[0],
                    proof_height=height,
                    signer=signer,
                )
            )
        )
    next_receive = lane.next_receive_on_b if lane.is_ordered else action.sequence
    if action.stage is Stage.TIME_OUT:
        return pack_any(
            with_required(
                channel_tx_pb2.MsgTimeout(
                    packet=packet,
                    proof_unreceived=proofs[0],
                    proof_height=height,
                    next_sequence_recv=next_receive,
                    signer=signer,
                )
            )
        )
    return pack_any(
        with_required(
            channel_tx_pb2.MsgTimeoutOnClose(
                packet=packet,
                proof_unreceived=proofs[0],
                proof_close=proofs[1],
                proof_height=height,
                next_sequence_recv=next_receive,
                signer=signer,
            )
        )
    )
