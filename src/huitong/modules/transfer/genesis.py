"""The zone's rules of transfers and the ways of vouchers in the genesis file.

::

    {"allow_any_client": false, "allowed_clients": [], "send_enabled": true,
     "receive_enabled": true, "traces": [{"path": "transfer/channel-0", "base_denom": "x"}]}

A rule that is left out has its default, as shown. What escrows hold follows from the
holdings of ``claims`` and the channels of ``links``, which both come before this module.
"""

from __future__ import annotations

from typing import Any, Final

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.store.kv import iterate_prefix
from huitong.modules.claims.state import all_holdings, all_supplies
from huitong.modules.links import keys as links_keys
from huitong.modules.members.state import find_account
from huitong.modules.transfer.errors import TransferDenomError
from huitong.modules.transfer.keys import PORT_ID, escrow_address
from huitong.modules.transfer.params import check_params
from huitong.modules.transfer.state import (
    DEFAULT_PARAMS,
    all_traces,
    find_trace,
    get_escrow_total,
    get_params,
    save_escrow_total,
    save_params,
    save_trace,
)
from huitong.modules.transfer.traces import (
    check_full_denom,
    full_denom_of,
    hash_in_voucher,
    hash_of,
)
from huitong.proto.huitong.transfer.v1.transfer_pb2 import Params
from huitong.proto.ibc.applications.transfer.v1.transfer_pb2 import DenomTrace

_RULES: Final = (
    "allow_any_client",
    "allowed_clients",
    "send_enabled",
    "receive_enabled",
)


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write rules and traces of a genesis file, and count what escrows hold.

    Raises:
        GenesisError: anything in it is unknown, malformed or twice; or a holding has no
            trace, or no holder that can have it.
    """
    check_known_keys(state, (*_RULES, "traces"), "transfer")
    _init_params(ctx, state)
    where = "transfer.traces"
    traces = messages_from_json(DenomTrace, state.get("traces", []), where)
    for index, trace in enumerate(traces):
        _init_trace(ctx, trace, f"{where}[{index}]")
    for denom, _ in all_supplies(ctx):
        if find_trace(ctx, hash_in_voucher(denom)) is None:
            raise GenesisError(where=where, reason=f"{denom} has no trace")
    _count_escrows(ctx)


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the rules and all traces, by ascending hash."""
    params = get_params(ctx)
    return {
        "allow_any_client": params.allow_any_client,
        "allowed_clients": list(params.allowed_clients),
        "send_enabled": params.send_enabled,
        "receive_enabled": params.receive_enabled,
        "traces": [message_to_json(trace) for trace in all_traces(ctx)],
    }


def _init_params(ctx: Context, state: dict[str, Any]) -> None:
    rules = {
        "send_enabled": DEFAULT_PARAMS.send_enabled,
        "receive_enabled": DEFAULT_PARAMS.receive_enabled,
        **{name: state[name] for name in _RULES if name in state},
    }
    params = message_from_json(Params, rules, "transfer")
    try:
        check_params(ctx, params)
    except RejectedError as wrong:
        raise GenesisError(where="transfer", reason=str(wrong)) from wrong
    save_params(ctx, params)


def _init_trace(ctx: Context, trace: DenomTrace, where: str) -> None:
    full_denom = full_denom_of(trace)
    try:
        known = check_full_denom(full_denom)
    except TransferDenomError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    if known != trace or not trace.path:
        raise GenesisError(where=where, reason=f"{full_denom} is split elsewhere")
    if find_trace(ctx, hash_of(full_denom)) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_trace(ctx, trace)


def _count_escrows(ctx: Context) -> None:
    escrows = set(_escrow_addresses(ctx))
    for address, denom, amount in all_holdings(ctx):
        if address in escrows:
            total = get_escrow_total(ctx, denom) + amount
            save_escrow_total(ctx, denom, total)
        elif find_account(ctx, address) is None:
            raise GenesisError(
                where="claims.holdings",
                reason=f"{address} is neither an account nor the escrow of a channel",
            )


def _escrow_addresses(ctx: Context) -> list[str]:
    prefix = links_keys.CHANNEL_ENDS + f"{PORT_ID}/channels/".encode()
    pairs = iterate_prefix(ctx.store(links_keys.STORE), prefix)
    return [escrow_address(PORT_ID, key[len(prefix) :].decode()) for key, _ in pairs]
