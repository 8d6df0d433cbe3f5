"""Transfers of claims between chains: ICS-20, version ``ics20-1``, on port ``transfer``."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from huitong.core.module import MessageRoute, Module
from huitong.modules.transfer import handlers, metadata, params, queries
from huitong.modules.transfer.application import TransferApplication
from huitong.modules.transfer.genesis import export_genesis, init_genesis
from huitong.modules.transfer.keys import PORT_ID, STORE, VERSION, escrow_address
from huitong.modules.transfer.traces import voucher_denom
from huitong.proto.huitong.transfer.v1 import transfer_pb2 as own_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2

__all__ = [
    "MODULE",
    "PORT_ID",
    "STORE",
    "VERSION",
    "TransferApplication",
    "escrow_address",
    "voucher_denom",
]

MODULE: Final = Module(
    name="transfer",
    store=STORE,
    messages=(
        # Any active account: what it may spend is what it holds, and only members'
        # decisions let claims in at all.
        MessageRoute(
            request=tx_pb2.MsgTransfer,
            check_form=handlers.check_transfer_form,
            check=handlers.check_transfer,
            apply=handlers.apply_transfer,
            signer=attrgetter("sender"),
        ),
        MessageRoute(
            request=own_pb2.MsgUpdateParams,
            check=params.check_update_params,
            apply=params.apply_update_params,
            governed=True,
        ),
    ),
    queries=(*queries.QUERIES, *metadata.QUERIES),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
