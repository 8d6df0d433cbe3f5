"""The four steps that open a connection between two clients (ICS-3).

INIT here → TRYOPEN there → OPEN here → OPEN there. Each step after the first proves the
end that the other chain wrote in the step before. Rules, as in ibc-go's ``handshake.go``:

* the client is active, the versions have one in common, the delay is the same;
* an id for this end is given by this chain; none may be asked for;
* what the counterparty says about *our* client (``client_state`` and its proofs in Try
  and Ack) is ignored, as in ibc-go from v8 on: a light client judges by headers alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.ids import check_client_id, check_connection_id, connection_id_of
from huitong.core.limits import CONNECTION_VERSIONS_MAX
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_connection_counterparty,
    check_own_connection_id,
    check_proof,
)
from huitong.modules.links.errors import (
    InvalidConnectionCounterpartyError,
    InvalidConnectionIdentifierError,
    InvalidConnectionStateError,
    InvalidConnectionVersionError,
    UnsupportedVersionsError,
)
from huitong.modules.links.events import emit_connection_event
from huitong.modules.links.keys import NEXT_CONNECTION_SEQUENCE, STORE
from huitong.modules.links.proofs import (
    check_client_active,
    expected_connection_end,
    verify_connection_end,
)
from huitong.modules.links.versions import (
    check_version,
    compatible_versions,
    is_supported,
    pick_version,
)
from huitong.proto.ibc.core.connection.v1 import connection_pb2, tx_pb2

# --- step 1, here: INIT -----------------------------------------------------------------


def check_open_init(ctx: Context, msg: tx_pb2.MsgConnectionOpenInit) -> None:
    """Raise unless a connection may begin above this client.

    Raises:
        RejectedError: connection/7, 9, 101; client/4, 29; host/2.
    """
    check_client_id(msg.client_id)
    if msg.counterparty.connection_id:
        raise InvalidConnectionCounterpartyError(
            reason="counterparty connection identifier must be empty"
        )
    check_connection_counterparty(msg.counterparty)
    if msg.HasField("version"):
        check_version(msg.version)
        if not is_supported(compatible_versions(), msg.version):
            raise InvalidConnectionVersionError(reason="version is not supported")
    check_client_active(ctx, msg.client_id)
    state.check_room_for_connection(ctx.store(STORE), msg.client_id)


def apply_open_init(
    ctx: Context, msg: tx_pb2.MsgConnectionOpenInit
) -> tx_pb2.MsgConnectionOpenInitResponse:
    """Write the new end in state INIT."""
    versions = [msg.version] if msg.HasField("version") else compatible_versions()
    end = connection_pb2.ConnectionEnd(
        client_id=msg.client_id,
        versions=versions,
        state=connection_pb2.STATE_INIT,
        counterparty=msg.counterparty,
        delay_period=msg.delay_period,
    )
    _save_new(ctx, "connection_open_init", end)
    return tx_pb2.MsgConnectionOpenInitResponse()


# --- step 2, there: TRYOPEN -------------------------------------------------------------


def check_open_try(ctx: Context, msg: tx_pb2.MsgConnectionOpenTry) -> None:
    """Raise unless the counterparty has an end in INIT that waits for this one.

    Raises:
        RejectedError: connection/7, 9, 10, 11, 101; ibc/10; client/4, 29; host/2;
            commitment/2; and what a proof is refused for.
    """
    if msg.previous_connection_id:
        raise InvalidConnectionIdentifierError(
            reason="previous connection identifier must be empty"
        )
    check_client_id(msg.client_id)
    check_connection_id(msg.counterparty.connection_id)
    _check_versions(msg.counterparty_versions)
    check_proof(msg.proof_init, "proof init")
    check_connection_counterparty(msg.counterparty)
    end = _tried_end(msg)
    state.check_room_for_connection(ctx.store(STORE), msg.client_id)
    verify_connection_end(
        ctx,
        end,
        proof=msg.proof_init,
        proof_height=msg.proof_height,
        connection_id_on_counterparty=msg.counterparty.connection_id,
        expected=expected_connection_end(
            client_id_on_counterparty=msg.counterparty.client_id,
            client_id=msg.client_id,
            connection_id="",
            state=connection_pb2.STATE_INIT,
            versions=list(msg.counterparty_versions),
            delay_period_ns=msg.delay_period,
        ),
    )


def apply_open_try(
    ctx: Context, msg: tx_pb2.MsgConnectionOpenTry
) -> tx_pb2.MsgConnectionOpenTryResponse:
    """Write the new end in state TRYOPEN, with the version that both chains know."""
    _save_new(ctx, "connection_open_try", _tried_end(msg))
    return tx_pb2.MsgConnectionOpenTryResponse()


def _check_versions(offered: Sequence[connection_pb2.Version]) -> None:
    if not 0 < len(offered) <= CONNECTION_VERSIONS_MAX:
        raise UnsupportedVersionsError(
            reason=f"{len(offered)} counterparty versions, "
            f"expected 1 to {CONNECTION_VERSIONS_MAX}"
        )
    for version in offered:
        check_version(version)


def _tried_end(msg: tx_pb2.MsgConnectionOpenTry) -> connection_pb2.ConnectionEnd:
    return connection_pb2.ConnectionEnd(
        client_id=msg.client_id,
        versions=[pick_version(msg.counterparty_versions)],
        state=connection_pb2.STATE_TRYOPEN,
        counterparty=msg.counterparty,
        delay_period=msg.delay_period,
    )


# --- step 3, here: OPEN -----------------------------------------------------------------


def check_open_ack(ctx: Context, msg: tx_pb2.MsgConnectionOpenAck) -> None:
    """Raise unless the counterparty has an end in TRYOPEN that answers this one.

    Raises:
        RejectedError: connection/3, 6, 9, 11; client/4, 29; host/2; commitment/2; and
            what a proof is refused for.
    """
    check_own_connection_id(msg.connection_id)
    check_connection_id(msg.counterparty_connection_id)
    check_version(msg.version)
    check_proof(msg.proof_try, "proof try")
    end = state.get_connection(ctx.store(STORE), msg.connection_id)
    state.check_connection_state(end, connection_pb2.STATE_INIT)
    if not is_supported(end.versions, msg.version):
        raise InvalidConnectionStateError(
            reason="the version that the counterparty chose was not offered"
        )
    verify_connection_end(
        ctx,
        end,
        proof=msg.proof_try,
        proof_height=msg.proof_height,
        connection_id_on_counterparty=msg.counterparty_connection_id,
        expected=_expected(
            end, msg.connection_id, connection_pb2.STATE_TRYOPEN, [msg.version]
        ),
    )


def apply_open_ack(
    ctx: Context, msg: tx_pb2.MsgConnectionOpenAck
) -> tx_pb2.MsgConnectionOpenAckResponse:
    """Open this end."""
    store = ctx.store(STORE)
    end = state.get_connection(store, msg.connection_id)
    end.state = connection_pb2.STATE_OPEN
    del end.versions[:]
    end.versions.append(msg.version)
    end.counterparty.connection_id = msg.counterparty_connection_id
    state.save_connection(store, msg.connection_id, end)
    emit_connection_event(ctx, "connection_open_ack", msg.connection_id, end)
    return tx_pb2.MsgConnectionOpenAckResponse()


# --- step 4, there: OPEN ----------------------------------------------------------------


def check_open_confirm(ctx: Context, msg: tx_pb2.MsgConnectionOpenConfirm) -> None:
    """Raise unless the counterparty's end is open.

    Raises:
        RejectedError: connection/3, 6, 11; client/4, 29; commitment/2; and what a proof
            is refused for.
    """
    check_own_connection_id(msg.connection_id)
    check_proof(msg.proof_ack, "proof ack")
    end = state.get_connection(ctx.store(STORE), msg.connection_id)
    state.check_connection_state(end, connection_pb2.STATE_TRYOPEN)
    verify_connection_end(
        ctx,
        end,
        proof=msg.proof_ack,
        proof_height=msg.proof_height,
        connection_id_on_counterparty=end.counterparty.connection_id,
        expected=_expected(
            end, msg.connection_id, connection_pb2.STATE_OPEN, list(end.versions)
        ),
    )


def apply_open_confirm(
    ctx: Context, msg: tx_pb2.MsgConnectionOpenConfirm
) -> tx_pb2.MsgConnectionOpenConfirmResponse:
    """Open this end."""
    store = ctx.store(STORE)
    end = state.get_connection(store, msg.connection_id)
    end.state = connection_pb2.STATE_OPEN
    state.save_connection(store, msg.connection_id, end)
    emit_connection_event(ctx, "connection_open_confirm", msg.connection_id, end)
    return tx_pb2.MsgConnectionOpenConfirmResponse()


# --- common -----------------------------------------------------------------------------


def _save_new(ctx: Context, kind: str, end: connection_pb2.ConnectionEnd) -> None:
    store = ctx.store(STORE)
    number = state.take_number(store, NEXT_CONNECTION_SEQUENCE)
    connection_id = connection_id_of(number)
    state.add_client_connection(store, end.client_id, connection_id)
    state.save_connection(store, connection_id, end)
    emit_connection_event(ctx, kind, connection_id, end)


def _expected(
    end: connection_pb2.ConnectionEnd,
    connection_id: str,
    expected_state: connection_pb2.State,
    versions: list[connection_pb2.Version],
) -> connection_pb2.ConnectionEnd:
    return expected_connection_end(
        client_id_on_counterparty=end.counterparty.client_id,
        client_id=end.client_id,
        connection_id=connection_id,
        state=expected_state,
        versions=versions,
        delay_period_ns=end.delay_period,
    )
