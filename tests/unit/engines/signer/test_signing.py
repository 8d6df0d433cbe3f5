"""What the validator's signer signs, and what it never signs."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.errors import HuitongError
from huitong.core.time import parse_rfc3339, timestamp_from_ns
from huitong.engines.cometbft.signer.errors import (
    ConflictingSignError,
    SignerRunsError,
    SignRegressionError,
    SignRequestError,
    SignStateUnwritableError,
)
from huitong.engines.cometbft.signer.sign_bytes import (
    proposal_sign_bytes,
    vote_sign_bytes,
)
from huitong.engines.cometbft.signer.sign_state import (
    NOTHING_SIGNED,
    Place,
    SignedStep,
    Step,
    encode_signed_step,
    load_signed_step,
    save_signed_step,
)
from huitong.engines.cometbft.signer.signer import ValidatorSigner, owned_sign_state
from huitong.engines.errors import SignStateError
from huitong.engines.validator_key import ValidatorKey, validator_key_from_seed
from huitong.light.tendermint.signatures import is_signed
from huitong.proto.tendermint.types import types_pb2
from tests.vectors import load_vector

CHAIN_ID = "zone-1"
TIME_NS = 1_700_000_000_123_456_789
KEY = validator_key_from_seed(bytes(range(32)))
PREVOTE = types_pb2.SIGNED_MSG_TYPE_PREVOTE
PRECOMMIT = types_pb2.SIGNED_MSG_TYPE_PRECOMMIT
PROPOSAL = types_pb2.SIGNED_MSG_TYPE_PROPOSAL

# Made by CometBFT v0.38.25 (types.ProposalSignBytes, types.VoteSignBytes, privval.FilePV)
# from the proposal and the vote below.
GO_PROPOSAL = (
    "7e082011070000000000000019020000000000000020ffffffffffffffffff012a480a20000102030405"
    "060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f122408031220646566676869"
    "6a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283320b0880e2cfaa0610959aef3a3a06"
    "7a6f6e652d31"
)
GO_NIL_PREVOTE = "2008011109000000000000002a0b0880e2cfaa0610959aef3a32067a6f6e652d31"
GO_SECRET = "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/UnoltdA2qFjOifhESRdi64niv71QpKCg2mWOSyYoslsReuCQ=="
GO_STATE = """{
  "height": "7",
  "round": 2,
  "step": 1,
  "signature": "wbtH9xUdPi70z4tKHvazTL8tY9coCgTVjzE3qE6IwSS93HXMBiBvPDiaZ+1tTOgf6AcW+Y+FTB0xBWujA+gABA==",
  "signbytes": "7E082011070000000000000019020000000000000020FFFFFFFFFFFFFFFFFF012A480A20000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F1224080312206465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F80818283320B0880E2CFAA0610959AEF3A3A067A6F6E652D31"
}"""


def a_block(mark: int = 0) -> types_pb2.BlockID:
    parts = types_pb2.PartSetHeader(total=3, hash=bytes(range(100, 132)))
    return types_pb2.BlockID(hash=bytes(range(mark, mark + 32)), part_set_header=parts)


def a_vote(
    height: int = 9,
    round_: int = 0,
    kind: types_pb2.SignedMsgType = PRECOMMIT,
    *,
    block: types_pb2.BlockID | None = None,
    time_ns: int = TIME_NS,
    extension: bytes = b"",
) -> types_pb2.Vote:
    return types_pb2.Vote(
        type=kind,
        height=height,
        round=round_,
        block_id=a_block() if block is None else block,
        timestamp=timestamp_from_ns(time_ns),
        validator_address=KEY.address,
        extension=extension,
    )


def a_proposal(
    height: int = 9, round_: int = 0, *, mark: int = 0, time_ns: int = TIME_NS
) -> types_pb2.Proposal:
    return types_pb2.Proposal(
        type=PROPOSAL,
        height=height,
        round=round_,
        pol_round=-1,
        block_id=a_block(mark),
        timestamp=timestamp_from_ns(time_ns),
    )


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    path = tmp_path / "priv_validator_state.json"
    save_signed_step(path, NOTHING_SIGNED)
    return path


def a_signer(state_file: Path, key: ValidatorKey = KEY) -> ValidatorSigner:
    return ValidatorSigner(key=key, chain_id=CHAIN_ID, state_file=state_file)


def test_sign_bytes_are_those_of_cometbft() -> None:
    proposal = a_proposal(7, 2)
    assert proposal_sign_bytes(proposal, CHAIN_ID).hex() == GO_PROPOSAL
    nil = a_vote(9, 0, PREVOTE, block=types_pb2.BlockID())
    assert vote_sign_bytes(nil, CHAIN_ID).hex() == GO_NIL_PREVOTE


def test_recorded_precommits_of_cometbft_verify_with_our_sign_bytes() -> None:
    count = 0
    for item in load_vector("cometbft-v0.38.25/light_blocks_4_validators.json"):
        signed_header = item["commit"]["signed_header"]
        chain_id, commit = signed_header["header"]["chain_id"], signed_header["commit"]
        keys = {
            entry["address"]: base64.b64decode(entry["pub_key"]["value"])
            for entry in item["validators"]["validators"]
        }
        block = commit["block_id"]
        for sig in commit["signatures"]:
            if sig["block_id_flag"] != 2:
                continue
            vote = types_pb2.Vote(
                type=PRECOMMIT,
                height=int(commit["height"]),
                round=commit["round"],
                block_id=types_pb2.BlockID(
                    hash=bytes.fromhex(block["hash"]),
                    part_set_header=types_pb2.PartSetHeader(
                        total=block["parts"]["total"],
                        hash=bytes.fromhex(block["parts"]["hash"]),
                    ),
                ),
                timestamp=timestamp_from_ns(parse_rfc3339(sig["timestamp"])),
            )
            signature = base64.b64decode(sig["signature"])
            public_key = keys[sig["validator_address"]]
            assert is_signed(public_key, vote_sign_bytes(vote, chain_id), signature)
            count += 1
    assert count > 20


def test_proposal_is_signed_and_recorded_as_cometbft_does(state_file: Path) -> None:
    key = validator_key_from_seed(base64.b64decode(GO_SECRET)[:32])
    signed = a_signer(state_file, key).sign_proposal(a_proposal(7, 2), CHAIN_ID)
    document = json.loads(GO_STATE)
    assert signed.signature == base64.b64decode(document["signature"])
    assert json.loads(state_file.read_bytes()) == document
    assert state_file.stat().st_mode & 0o777 == 0o600


def test_record_of_cometbft_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(GO_STATE)
    assert encode_signed_step(load_signed_step(path)).decode() == GO_STATE
    signer = a_signer(path)
    assert str(signer.last_place) == "7/2/propose"
    with pytest.raises(SignRegressionError):
        signer.sign_vote(a_vote(7, 1), CHAIN_ID)
    again = signer.sign_proposal(a_proposal(7, 2), CHAIN_ID)
    assert again.signature == base64.b64decode(json.loads(GO_STATE)["signature"])


def test_signatures_verify_and_keep_what_was_asked(state_file: Path) -> None:
    signer = a_signer(state_file)
    for kind in (PREVOTE, PRECOMMIT):
        vote = a_vote(kind=kind)
        signed = signer.sign_vote(vote, CHAIN_ID)
        assert is_signed(
            KEY.public_key, vote_sign_bytes(vote, CHAIN_ID), signed.signature
        )
        signed.ClearField("signature")
        assert signed == vote


def test_steps_of_a_height_are_signed_in_order(state_file: Path) -> None:
    signer = a_signer(state_file)
    for height in (1, 2, 5):
        for round_ in (0, 1, 4):
            signer.sign_proposal(a_proposal(height, round_), CHAIN_ID)
            signer.sign_vote(a_vote(height, round_, PREVOTE), CHAIN_ID)
            signer.sign_vote(a_vote(height, round_, PRECOMMIT), CHAIN_ID)
    assert str(signer.last_place) == "5/4/precommit"


@pytest.mark.parametrize(
    ("height", "round_", "kind"),
    [(8, 5, PRECOMMIT), (9, 1, PRECOMMIT), (9, 2, PREVOTE), (9, 2, PROPOSAL)],
)
def test_earlier_place_is_refused(
    state_file: Path, height: int, round_: int, kind: types_pb2.SignedMsgType
) -> None:
    signer = a_signer(state_file)
    signer.sign_vote(a_vote(9, 2, PRECOMMIT), CHAIN_ID)
    before = state_file.read_bytes()
    if kind == PROPOSAL:
        with pytest.raises(SignRegressionError):
            signer.sign_proposal(a_proposal(height, round_), CHAIN_ID)
    else:
        with pytest.raises(SignRegressionError):
            signer.sign_vote(a_vote(height, round_, kind), CHAIN_ID)
    assert state_file.read_bytes() == before


def test_same_content_gets_the_same_signature_also_after_a_restart(
    state_file: Path,
) -> None:
    vote, proposal = a_vote(), a_proposal()
    first = a_signer(state_file).sign_proposal(proposal, CHAIN_ID)
    assert a_signer(state_file).sign_proposal(proposal, CHAIN_ID) == first
    signed = a_signer(state_file).sign_vote(vote, CHAIN_ID)
    assert a_signer(state_file).sign_vote(vote, CHAIN_ID) == signed


def test_other_time_alone_gets_signature_and_time_of_before(state_file: Path) -> None:
    first = a_signer(state_file).sign_proposal(a_proposal(), CHAIN_ID)
    later = a_proposal(time_ns=TIME_NS + 10**9)
    assert a_signer(state_file).sign_proposal(later, CHAIN_ID) == first
    signed = a_signer(state_file).sign_vote(a_vote(), CHAIN_ID)
    late = a_vote(time_ns=TIME_NS + 10**9)
    assert a_signer(state_file).sign_vote(late, CHAIN_ID) == signed


@pytest.mark.parametrize("time_ns", [TIME_NS, TIME_NS + 1])
def test_other_content_at_a_signed_place_is_refused(
    state_file: Path, time_ns: int
) -> None:
    signer = a_signer(state_file)
    signer.sign_proposal(a_proposal(), CHAIN_ID)
    with pytest.raises(ConflictingSignError):
        signer.sign_proposal(a_proposal(mark=1, time_ns=time_ns), CHAIN_ID)
    signer.sign_vote(a_vote(), CHAIN_ID)
    for block in (a_block(1), types_pb2.BlockID()):
        with pytest.raises(ConflictingSignError):
            signer.sign_vote(a_vote(block=block, time_ns=time_ns), CHAIN_ID)


def test_place_whose_content_is_not_known_is_refused(state_file: Path) -> None:
    place = Place(height=9, round=0, step=Step.PRECOMMIT)
    raised = SignedStep(place=place, sign_bytes=b"", signature=b"")
    save_signed_step(state_file, raised)
    with pytest.raises(ConflictingSignError):
        a_signer(state_file).sign_vote(a_vote(), CHAIN_ID)
    a_signer(state_file).sign_vote(a_vote(10), CHAIN_ID)


@pytest.mark.parametrize(
    ("vote", "chain_id"),
    [
        (a_vote(), "zone-2"),
        (a_vote(), ""),
        (a_vote(kind=PROPOSAL), CHAIN_ID),
        (a_vote(kind=types_pb2.SIGNED_MSG_TYPE_UNKNOWN), CHAIN_ID),
        (a_vote(extension=b"x"), CHAIN_ID),
        (a_vote(height=0), CHAIN_ID),
        (a_vote(height=-1), CHAIN_ID),
        (a_vote(round_=-1), CHAIN_ID),
    ],
)
def test_what_no_validator_of_the_zone_signs_is_refused(
    state_file: Path, vote: types_pb2.Vote, chain_id: str
) -> None:
    with pytest.raises(SignRequestError):
        a_signer(state_file).sign_vote(vote, chain_id)
    assert load_signed_step(state_file) == NOTHING_SIGNED


def test_vote_in_a_proposals_clothes_is_refused(state_file: Path) -> None:
    proposal = a_proposal()
    proposal.type = PRECOMMIT
    with pytest.raises(SignRequestError):
        a_signer(state_file).sign_proposal(proposal, CHAIN_ID)


def test_signature_that_cannot_be_recorded_does_not_leave(
    state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = a_signer(state_file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SignStateUnwritableError):
            signer.sign_vote(a_vote(), CHAIN_ID)
    assert load_signed_step(state_file) == NOTHING_SIGNED
    assert [item.name for item in state_file.parent.iterdir()] == [state_file.name]
    signer.sign_vote(a_vote(block=a_block(1)), CHAIN_ID)


def test_record_is_durable_before_the_signature_leaves(
    state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}").encode())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    a_signer(state_file).sign_vote(a_vote(), CHAIN_ID)
    assert len(synced) == 2  # the file, then the folder that has its new name
    assert synced[1] == str(state_file.parent).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"height": 5, "round": 0, "step": 0}',
        '{"height": "-5", "round": 0, "step": 0}',
        '{"height": "9223372036854775808", "round": 0, "step": 0}',
        '{"height": "5", "round": -1, "step": 0}',
        '{"height": "5", "round": "0", "step": 0}',
        '{"height": "5", "round": 0, "step": 4}',
        '{"height": "5", "round": 0, "step": true}',
        '{"height": "5", "round": 0, "step": 1, "signbytes": "AA"}',
        '{"height": "5", "round": 0, "step": 1, "signature": "AA=="}',
        '{"height": "5", "round": 0, "step": 1, "signbytes": "A", "signature": "AA=="}',
        '{"height": "5", "round": 0, "step": 1, "signbytes": "AA", "signature": "?"}',
        GO_STATE[:100],
    ],
)
def test_garbled_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(SignStateError):
        a_signer(path)


def test_missing_record_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SignStateError):
        a_signer(tmp_path / "state.json")


def test_one_record_has_one_signer(state_file: Path) -> None:
    with (
        owned_sign_state(state_file),
        pytest.raises(SignerRunsError),
        owned_sign_state(state_file),
    ):
        pass
    with owned_sign_state(state_file):
        pass


_requests = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(0, 2),
        st.sampled_from([PROPOSAL, PREVOTE, PRECOMMIT]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=40,
)


@given(requests=_requests)
def test_no_two_signatures_contradict_each_other(
    tmp_path_factory: pytest.TempPathFactory,
    requests: list[tuple[int, int, types_pb2.SignedMsgType, int, int, bool]],
) -> None:
    path = tmp_path_factory.mktemp("signer") / "state.json"
    save_signed_step(path, NOTHING_SIGNED)
    signer = a_signer(path)
    signed: dict[tuple[int, int, int], bytes] = {}
    for height, round_, kind, mark, later, restarts in requests:
        if restarts:
            signer = a_signer(path)
        time_ns = TIME_NS + later
        try:
            if kind == PROPOSAL:
                proposal = a_proposal(height, round_, mark=mark, time_ns=time_ns)
                done = signer.sign_proposal(proposal, CHAIN_ID)
                content = proposal_sign_bytes(done, CHAIN_ID)
            else:
                vote = a_vote(
                    height, round_, kind, block=a_block(mark), time_ns=time_ns
                )
                ballot = signer.sign_vote(vote, CHAIN_ID)
                content = vote_sign_bytes(ballot, CHAIN_ID)
                done = types_pb2.Proposal(signature=ballot.signature)
        except HuitongError:
            continue
        assert is_signed(KEY.public_key, content, done.signature)
        assert signed.setdefault((height, round_, kind), content) == content
