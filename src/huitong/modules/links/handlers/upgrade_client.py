"""Let a client follow its chain through an upgrade that breaks headers (ICS-2).

The other chain committed, before its upgrade, to the states with which its clients go
on; both are proven against the last header that the client knows.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.gas import GAS_PROOF
from huitong.light import light_client
from huitong.modules.links.checks import check_proof
from huitong.modules.links.client_bytes import (
    unpack_client_state,
    unpack_consensus_state,
)
from huitong.modules.links.consensus_states import (
    find_oldest_height,
    note_consensus_state_added,
)
from huitong.modules.links.events import emit_client_event
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import check_client_active
from huitong.proto.ibc.core.client.v1 import tx_pb2


def check_upgrade_client(ctx: Context, msg: tx_pb2.MsgUpgradeClient) -> None:
    """Raise unless the client is active and the message is readable.

    Raises:
        RejectedError: client/4, 8, 10, 29; ibc/14; commitment/2.
    """
    client_type, _ = unpack_client_state(msg.client_state)
    unpack_consensus_state(client_type, msg.consensus_state)
    check_proof(msg.proof_upgrade_client, "proof of upgraded client")
    check_proof(msg.proof_upgrade_consensus_state, "proof of upgraded consensus state")
    check_client_active(ctx, msg.client_id)


def apply_upgrade_client(
    ctx: Context, msg: tx_pb2.MsgUpgradeClient
) -> tx_pb2.MsgUpgradeClientResponse:
    """Verify both states and go on with them.

    Raises:
        RejectedError: client/25, and what a proof or a client state is refused for.
    """
    store = ctx.store(STORE)
    client_type, upgraded = unpack_client_state(msg.client_state)
    ctx.gas.consume(2 * GAS_PROOF, "proof")
    oldest_before = find_oldest_height(store, msg.client_id)
    height = light_client.verify_upgrade(
        store,
        msg.client_id,
        upgraded,
        unpack_consensus_state(client_type, msg.consensus_state),
        client_proof=msg.proof_upgrade_client,
        consensus_proof=msg.proof_upgrade_consensus_state,
        now_ns=ctx.block.time_ns,
        self_height=ctx.block.height,
    )
    note_consensus_state_added(store, msg.client_id, oldest_before=oldest_before)
    emit_client_event(ctx, "upgrade_client", msg.client_id, client_type, height)
    return tx_pb2.MsgUpgradeClientResponse()
