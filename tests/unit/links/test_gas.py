"""Work that a stranger asks for is paid for, whether or not it comes to anything."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from huitong.core.errors import HuitongError
from huitong.core.gas import GAS_PROOF, GAS_SIGNATURE, GAS_VALIDATOR
from huitong.light.tendermint.client_message import (
    client_message_from_any,
    client_message_to_any,
)
from huitong.proto.ibc.core.client.v1 import tx_pb2
from huitong.testing.links import Endpoint, open_path
from huitong.testing.validators import make_validators, validator_set_of


def gas_used(end: Endpoint, message: Any) -> int:
    ctx = end.zone.context()
    with suppress(HuitongError):
        end.zone.route(message).check(ctx, message)
    return ctx.gas.used


def test_each_validator_that_is_shown_is_paid_for() -> None:
    path = open_path()
    message = path.a.update_message()
    header: Any = client_message_from_any(message.client_message)
    wide = replace(
        header,
        trusted_validators=validator_set_of(make_validators([1] * 300, label="x")),
    )
    forged = tx_pb2.MsgUpdateClient()
    forged.CopyFrom(message)
    forged.client_message.CopyFrom(client_message_to_any(wide))
    more = gas_used(path.a, forged) - gas_used(path.a, message)
    assert more >= 299 * GAS_VALIDATOR - 2 * GAS_SIGNATURE


@pytest.mark.parametrize("is_proof_right", [True, False])
def test_proof_is_paid_for_even_if_it_proves_nothing(is_proof_right: bool) -> None:
    path = open_path()
    packet = path.a.send(b"ok")
    path.b.catch_up()
    message = path.b.recv_message(packet)
    if not is_proof_right:
        message.packet.data = b"ok forged"
    assert gas_used(path.b, message) >= GAS_PROOF
