"""A zone whose members run validators, and what its engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huitong.core.abci import (
    GenesisRequest,
    Misbehaviour,
    MisbehaviourKind,
    ValidatorUpdate,
)
from huitong.core.consensus import ConsensusChanges
from huitong.core.genesis import message_to_json
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.modules import consensus, members
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.members.state import get_member, save_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS

KEYS = {f"org-{index}": bytes([index + 1]) * 32 for index in range(6)}
QUERY = "/huitong.consensus.v1.Query"


def genesis_of(powers: Mapping[str, int]) -> dict[str, Any]:
    """Return the genesis state of these validators' members."""
    return {
        "members": {
            "members": [{"member_id": name, "name": name} for name in KEYS],
        },
        "consensus": {
            "validators": [
                message_to_json(pb.Validator(public_key=KEYS[name], member_id=name))
                for name in powers
            ],
        },
    }


def request_of(powers: Mapping[bytes, int]) -> GenesisRequest:
    """Return what the engine tells of these validators at the beginning."""
    return GenesisRequest(
        chain_id="hangzhou-1",
        time_ns=GENESIS_TIME_NS,
        initial_height=1,
        validators=tuple(
            ValidatorUpdate(public_key=key, power=power)
            for key, power in powers.items()
        ),
        app_state={},
        block_gas_max=100_000_000,
        block_bytes_max=4_194_304,
    )


class Zone:
    """Members and their validators, and what the engine is told at each block's end."""

    def __init__(
        self,
        powers: Mapping[str, int] | None = None,
        genesis: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin with these powers, or with this genesis state."""
        powers = powers or dict.fromkeys(list(KEYS)[:4], 10)
        self.rules = ZoneConsensus()
        self.zone = MemoryZone(
            [members.MODULE, consensus.MODULE], genesis=genesis or genesis_of(powers)
        )
        ctx = self.zone.context()
        self.rules.begin(
            ctx, request_of({KEYS[name]: power for name, power in powers.items()})
        )
        self.zone.take(ctx)

    def decide(self, message: Any) -> None:
        """Carry out a message as a passed vote does."""
        self.zone.decide(message)

    def end_block(self) -> ConsensusChanges:
        """Return what the engine is told."""
        ctx = self.zone.context()
        changes = self.rules.take_changes(ctx)
        self.zone.take(ctx)
        return changes

    def updates(self) -> dict[str, int]:
        """End the block, and return the powers that it changes by name."""
        names = {key: name for name, key in KEYS.items()}
        return {
            names[item.public_key]: item.power
            for item in self.end_block().validator_updates
        }

    def evidence(self, name: str, **fields: Any) -> None:
        """Begin a block that carries evidence."""
        values: dict[str, Any] = {
            "kind": MisbehaviourKind.DUPLICATE_VOTE,
            "validator_address": address_of_public_key(KEYS[name]),
            "power": 10,
            "height": 7,
            "time_ns": 5,
            "total_power": 40,
        }
        self.zone.misbehaviours = (Misbehaviour(**{**values, **fields}),)
        self.zone.next_block()
        self.zone.misbehaviours = ()

    def change_member(self, name: str, **fields: Any) -> None:
        """Write fields of a member; None clears one."""
        ctx = self.zone.context()
        member = get_member(ctx, name)
        for field, value in fields.items():
            if isinstance(value, int):
                setattr(member, field, value)
            elif value is None:
                member.ClearField(field)
            else:
                getattr(member, field).CopyFrom(value)
        save_member(ctx, member)
        self.zone.take(ctx)

    def freeze(self, name: str) -> None:
        """Let a regulator freeze a member."""
        self.change_member(name, regulator_freeze=members_pb2.Freeze(height=1))

    def thaw(self, name: str) -> None:
        """Lift that freeze."""
        self.change_member(name, regulator_freeze=None)

    def info(self, name: str) -> pb.QueryValidatorResponse:
        """Return a validator as queries show it."""
        request = pb.QueryValidatorRequest(public_key=KEYS[name])
        answer: pb.QueryValidatorResponse = self.zone.query(
            f"{QUERY}/Validator", request
        )
        return answer


def set_validator(org: str, power: int = 10, **fields: Any) -> pb.MsgSetValidator:
    """Return the message that sets a validator."""
    values = {"public_key": KEYS[org], "member_id": org, **fields}
    return pb.MsgSetValidator(power=power, **values)


def remove(name: str, reason: str = "left") -> pb.MsgRemoveValidator:
    """Return the message that removes one."""
    return pb.MsgRemoveValidator(public_key=KEYS[name], reason=reason)


def unbonding(time_ns: int) -> pb.MsgSetUnbondingTime:
    """Return the message that sets how long validators answer for their signatures."""
    return pb.MsgSetUnbondingTime(unbonding_time=time_ns)


def params(size: int = 5_000_000, gas: int = 50_000_000) -> pb.MsgUpdateBlockParams:
    """Return the message that sets the limits of blocks."""
    limits = pb.BlockParams(size_bytes_max=size, gas_max=gas)
    return pb.MsgUpdateBlockParams(params=limits)
