"""The generated package: complete, current, and by itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from huitong.core.gogoproto import REQUIRED, with_required
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.google.protobuf.timestamp_pb2 import Timestamp
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from huitong.proto.pool import Default
from huitong.proto.tendermint.types import block_pb2

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_committed_code_is_what_the_sources_generate() -> None:
    command = [sys.executable, str(ROOT / "tools" / "generate_proto.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_are_registered_in_our_pool_only() -> None:
    name = channel_pb2.Packet.DESCRIPTOR.full_name
    assert Default().FindMessageTypeByName(name) is channel_pb2.Packet.DESCRIPTOR
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName(name)


def test_well_known_types_fit_into_our_messages() -> None:
    message = tx_pb2.MsgRecvPacket(signer="s")
    packed = Any()
    packed.Pack(message, type_url_prefix="/")
    assert packed.type_url == "/ibc.core.channel.v1.MsgRecvPacket"
    block = block_pb2.Block()
    block.header.time.CopyFrom(Timestamp(seconds=5))
    assert block.header.time.ToNanoseconds() == 5_000_000_000


def test_required_submessages_exist_and_are_single_messages() -> None:
    for path in (ROOT / "src").rglob("*_pb2.py"):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        importlib.import_module(".".join(parts))
    for full_name, names in REQUIRED.items():
        fields = Default().FindMessageTypeByName(full_name).fields_by_name
        for name in names:
            assert fields[name].message_type is not None, (full_name, name)
            assert not fields[name].is_repeated, (full_name, name)


def test_required_submessages_are_set_at_every_depth() -> None:
    block = block_pb2.Block()
    block.evidence.evidence.add().duplicate_vote_evidence.vote_a.height = 1
    with_required(block)
    vote = block.evidence.evidence[0].duplicate_vote_evidence.vote_a
    assert vote.block_id.HasField("part_set_header")
    assert vote.HasField("timestamp")
    assert block.header.last_block_id.HasField("part_set_header")
    assert not block.HasField("last_commit")


def test_empty_client_state_has_the_bytes_that_go_writes() -> None:
    state = with_required(tendermint_pb2.ClientState())
    assert state.SerializeToString().hex() == "12001a0022002a0032003a00"


def test_types_without_required_submessages_are_left_alone() -> None:
    assert with_required(Timestamp()) == Timestamp()
