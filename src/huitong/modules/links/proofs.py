"""Proofs of what the counterparty's store holds, judged by a light client here.

Every rule of a link that begins with "the counterparty has" ends in this file. The
client must be active; the proof must verify against the root that the client knows for
the height of the proof, under the counterparty's prefix; delays of the connection apply
to packets, not to handshakes. The expected values are built here and encoded exactly
as Go encodes them, because the counterparty's bytes are what is proven.

Spec: ICS-2, ICS-3 and ICS-4 verification functions; ibc-go 03-connection ``verify.go``.
Cost: one ICS-23 proof of two layers each, about 0.2 ms.
"""

from __future__ import annotations

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.gas import GAS_PROOF
from huitong.core.height import Height
from huitong.light import light_client
from huitong.light.errors import ClientNotActiveError, ClientNotFoundError
from huitong.light.status import Status
from huitong.modules.links import keys
from huitong.modules.links.commitments import (
    commit_acknowledgement,
    encode_sequence,
)
from huitong.modules.links.state import get_connection_params
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

# --- the client -------------------------------------------------------------------------


def check_client_active(ctx: Context, client_id: str) -> None:
    """Check that a client exists and may be relied on.

    Raises:
        ClientNotFoundError: there is none with this id.
        ClientNotActiveError: it is frozen or expired.
    """
    store = ctx.store(keys.STORE)
    status = light_client.client_status(store, client_id, now_ns=ctx.block.time_ns)
    if status is Status.ACTIVE:
        return
    if status is Status.UNKNOWN:
        raise ClientNotFoundError(client_id=client_id)
    raise ClientNotActiveError(client_id=client_id, status=status)


# --- handshakes -------------------------------------------------------------------------


def verify_connection_end(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    connection_id_on_counterparty: str,
    expected: connection_pb2.ConnectionEnd,
) -> None:
    """Verify that the counterparty has this connection end.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    _verify_member(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        key=keys.connection(connection_id_on_counterparty),
        value=encode(expected),
        delayed=False,
        what="connection state",
    )


def verify_channel_end(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    port_id_on_counterparty: str,
    channel_id_on_counterparty: str,
    expected: channel_pb2.Channel,
) -> None:
    """Verify that the counterparty has this channel end.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    _verify_member(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        key=keys.channel(port_id_on_counterparty, channel_id_on_counterparty),
        value=encode(expected),
        delayed=False,
        what="channel state",
    )


def expected_connection_end(
    *,
    client_id_on_counterparty: str,
    client_id: str,
    connection_id: str,
    state: connection_pb2.State,
    versions: list[connection_pb2.Version],
    delay_period_ns: int,
) -> connection_pb2.ConnectionEnd:
    """Return the end that the counterparty must have, as it sees this chain."""
    return connection_pb2.ConnectionEnd(
        client_id=client_id_on_counterparty,
        versions=versions,
        state=state,
        counterparty=connection_pb2.Counterparty(
            client_id=client_id,
            connection_id=connection_id,
            prefix=commitment_pb2.MerklePrefix(key_prefix=keys.STORE_PREFIX),
        ),
        delay_period=delay_period_ns,
    )


def expected_channel_end(
    connection: connection_pb2.ConnectionEnd,
    *,
    port_id: str,
    channel_id: str,
    state: channel_pb2.State,
    ordering: channel_pb2.Order,
    version: str,
    upgrade_sequence: int = 0,
) -> channel_pb2.Channel:
    """Return the end that the counterparty must have, as it sees this chain.

    ``upgrade_sequence`` is what the relayer says the counterparty counted of channel
    upgrades, a thing of ibc-go v8; the proof tells whether it is right.
    """
    return channel_pb2.Channel(
        state=state,
        ordering=ordering,
        counterparty=channel_pb2.Counterparty(port_id=port_id, channel_id=channel_id),
        connection_hops=[connection.counterparty.connection_id],
        version=version,
        upgrade_sequence=upgrade_sequence,
    )


# --- packets ----------------------------------------------------------------------------


def verify_packet_commitment(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    packet: channel_pb2.Packet,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    commitment: bytes,
) -> None:
    """Verify that the counterparty has sent this packet.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    _verify_member(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        key=keys.commitment(packet.source_port, packet.source_channel, packet.sequence),
        value=commitment,
        delayed=True,
        what="packet commitment",
    )


def verify_packet_acknowledgement(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    packet: channel_pb2.Packet,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    acknowledgement: bytes,
) -> None:
    """Verify that the counterparty has acknowledged this packet with these bytes.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    _verify_member(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        key=keys.acknowledgement(
            packet.destination_port, packet.destination_channel, packet.sequence
        ),
        value=commit_acknowledgement(acknowledgement),
        delayed=True,
        what="packet acknowledgement",
    )


def verify_next_sequence_receive(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    packet: channel_pb2.Packet,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    next_sequence: int,
) -> None:
    """Verify that the counterparty's ordered channel waits for ``next_sequence``.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    _verify_member(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        key=keys.next_sequence_receive(
            packet.destination_port, packet.destination_channel
        ),
        value=encode_sequence(next_sequence),
        delayed=True,
        what="next sequence receive",
    )


def verify_receipt_absence(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    packet: channel_pb2.Packet,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
) -> None:
    """Verify that the counterparty has not received this packet.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    verify_absence(
        ctx,
        connection.client_id,
        proof=proof,
        proof_height=proof_height,
        path=(
            connection.counterparty.prefix.key_prefix,
            keys.receipt(
                packet.destination_port, packet.destination_channel, packet.sequence
            ),
        ),
        delay_period_ns=connection.delay_period,
        what="packet receipt absence",
    )


# --- any value of the other chain -------------------------------------------------------


def verify_value(
    ctx: Context,
    client_id: str,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    path: tuple[bytes, ...],
    value: bytes,
    delay_period_ns: int,
    what: str,
) -> None:
    """Verify that the chain that a client follows holds ``value`` at a path.

    Args:
        ctx: the branch to read from; pays for the proof.
        client_id: the light client on this chain.
        proof: an encoded chain of proofs, the lowest tree first.
        proof_height: the header that the proof leads to.
        path: name of the store there, and the key in it.
        value: what is claimed to stand there.
        delay_period_ns: time that must have passed since the header arrived; 0 for none.
        what: the thing that is verified, for the error.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    ctx.gas.consume(GAS_PROOF, "proof")
    try:
        light_client.verify_membership(
            ctx.store(keys.STORE),
            client_id,
            proof_height=Height.from_proto(proof_height),
            delay_time_ns=delay_period_ns,
            delay_blocks=_delay_blocks(ctx, delay_period_ns),
            proof=proof,
            path=path,
            value=value,
            now_ns=ctx.block.time_ns,
            self_height=ctx.block.height,
        )
    except RejectedError as wrong:
        raise _told(wrong, what, client_id) from None


def verify_absence(
    ctx: Context,
    client_id: str,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    path: tuple[bytes, ...],
    delay_period_ns: int,
    what: str,
) -> None:
    """Verify that the chain that a client follows holds nothing at a path.

    Arguments are those of ``verify_value``.

    Raises:
        RejectedError: the client or the proof does not allow to say so.
    """
    ctx.gas.consume(GAS_PROOF, "proof")
    try:
        light_client.verify_non_membership(
            ctx.store(keys.STORE),
            client_id,
            proof_height=Height.from_proto(proof_height),
            delay_time_ns=delay_period_ns,
            delay_blocks=_delay_blocks(ctx, delay_period_ns),
            proof=proof,
            path=path,
            now_ns=ctx.block.time_ns,
            self_height=ctx.block.height,
        )
    except RejectedError as wrong:
        raise _told(wrong, what, client_id) from None


# --- common -----------------------------------------------------------------------------


def _verify_member(
    ctx: Context,
    connection: connection_pb2.ConnectionEnd,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    key: bytes,
    value: bytes,
    delayed: bool,
    what: str,
) -> None:
    verify_value(
        ctx,
        connection.client_id,
        proof=proof,
        proof_height=proof_height,
        path=(connection.counterparty.prefix.key_prefix, key),
        value=value,
        delay_period_ns=connection.delay_period if delayed else 0,
        what=what,
    )


def _delay_blocks(ctx: Context, delay_period_ns: int) -> int:
    """Return how many blocks the delay period lasts at most, rounded up."""
    if not delay_period_ns:
        return 0
    params = get_connection_params(ctx.store(keys.STORE))
    return -(-delay_period_ns // max(params.max_expected_time_per_block, 1))


def _told(wrong: RejectedError, what: str, client_id: str) -> RejectedError:
    """Add what was being verified; relayers look for "verification" in the text."""
    return wrong.prefixed(f"failed {what} verification for client ({client_id})")
