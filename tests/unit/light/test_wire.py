"""Bytes written by hand are those that generated code would write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import delimited, encode
from huitong.core.hashing import merkle_root
from huitong.core.time import GO_ZERO_TIME_NS, TIME_NS_MAX, timestamp_from_ns
from huitong.light.tendermint.block_hashes import last_results_hash
from huitong.light.tendermint.block_types import (
    NO_BLOCK,
    BlockId,
    PartSetHeader,
    encode_block_id,
    set_block_id,
)
from huitong.light.tendermint.commit import (
    BlockIdFlag,
    Commit,
    CommitSig,
    commit_to_proto,
    encode_commit_sig,
    vote_template,
)
from huitong.light.tendermint.wire import encode_timestamp, set_duration, varint_field
from huitong.proto.google.protobuf.duration_pb2 import Duration
from huitong.proto.tendermint.abci import types_pb2 as abci_pb2
from huitong.proto.tendermint.types import canonical_pb2, types_pb2, validator_pb2

times = st.integers(GO_ZERO_TIME_NS, TIME_NS_MAX)
hashes = st.binary(min_size=32, max_size=32)
block_ids = st.builds(
    BlockId,
    hash=hashes,
    parts=st.builds(PartSetHeader, total=st.integers(1, 2**32 - 1), hash=hashes),
)


@given(times)
def test_timestamp_bytes(time_ns: int) -> None:
    assert encode_timestamp(time_ns) == encode(timestamp_from_ns(time_ns))


@given(st.integers(-(2**63), 2**63 - 1))
def test_integer_field_bytes(value: int) -> None:
    message = validator_pb2.SimpleValidator(voting_power=value)
    assert varint_field(2, value) == encode(message)


@given(st.one_of(block_ids, st.just(NO_BLOCK)))
def test_block_id_bytes(block_id: BlockId) -> None:
    message = types_pb2.BlockID()
    set_block_id(message, block_id)
    assert encode_block_id(block_id) == encode(message)


@given(
    st.integers(-(2**63), 2**63 - 1),
)
def test_duration_bytes_carry_one_sign(duration_ns: int) -> None:
    message = Duration()
    set_duration(message, duration_ns)
    assert message.seconds * 10**9 + message.nanos == duration_ns
    assert message.seconds * message.nanos >= 0


@given(
    st.text(max_size=20),
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**31 - 1),
    block_ids,
    times,
    st.booleans(),
)
def test_vote_sign_bytes_are_the_canonical_vote(
    chain_id: str, height: int, round: int, block_id: BlockId, time_ns: int, nil: bool
) -> None:
    template = vote_template(
        chain_id=chain_id, height=height, round=round, block_id=block_id
    )
    vote = canonical_pb2.CanonicalVote(
        type=types_pb2.SIGNED_MSG_TYPE_PRECOMMIT,
        height=height,
        round=round,
        timestamp=timestamp_from_ns(time_ns),
        chain_id=chain_id,
    )
    if not nil:
        vote.block_id.hash = block_id.hash
        vote.block_id.part_set_header.total = block_id.parts.total
        vote.block_id.part_set_header.hash = block_id.parts.hash
    assert template.sign_bytes(time_ns, nil=nil) == delimited(encode(vote))


def test_vote_sign_bytes_of_no_block_name_none() -> None:
    template = vote_template(chain_id="a", height=1, round=0, block_id=NO_BLOCK)
    assert template.for_block == template.for_nil


@given(times, st.binary(min_size=20, max_size=20), st.binary(min_size=64, max_size=64))
def test_commit_sig_bytes(time_ns: int, address: bytes, signature: bytes) -> None:
    sig = CommitSig(
        flag=BlockIdFlag.NIL,
        validator_address=address,
        timestamp_ns=time_ns,
        signature=signature,
    )
    absent = CommitSig(flag=BlockIdFlag.ABSENT)
    commit = Commit(
        height=1,
        round=0,
        block_id=BlockId(
            hash=b"\1" * 32, parts=PartSetHeader(total=1, hash=b"\2" * 32)
        ),
        signatures=(sig, absent),
    )
    first, second = commit_to_proto(commit).signatures
    assert encode_commit_sig(sig) == encode(first)
    assert encode_commit_sig(absent) == encode(second)


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
)
def test_result_bytes(code: int, data: bytes, wanted: int, used: int) -> None:
    message = abci_pb2.ExecTxResult(
        code=code, data=data, gas_wanted=wanted, gas_used=used
    )
    expected = merkle_root([encode(message)])
    assert last_results_hash([(code, data, wanted, used)]) == expected
