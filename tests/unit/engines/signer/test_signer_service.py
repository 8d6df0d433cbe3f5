"""The signer's connection: CometBFT's requests and our answers over a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from huitong.core.codec import DecodeError, delimited
from huitong.engines.cometbft.signer.errors import (
    SignerAddressError,
    SignerRunsError,
    SignRequestError,
)
from huitong.engines.cometbft.signer.service import running_signer, socket_path
from huitong.engines.cometbft.signer.sign_state import NOTHING_SIGNED, save_signed_step
from huitong.engines.cometbft.signer.signer import ValidatorSigner
from huitong.engines.cometbft.signer.wire import answer, read_message
from huitong.engines.errors import SignStateError
from huitong.engines.validator_key import validator_key_from_seed
from huitong.light.tendermint.signatures import is_signed
from huitong.proto.tendermint.privval import types_pb2 as pb

CHAIN_ID = "zone-1"
KEY = validator_key_from_seed(bytes(range(32)))
WAIT_S = 10.0

# Requests as CometBFT v0.38.25 writes them, with their length.
SIGN_NIL_PREVOTE = bytes.fromhex(
    "391a370a2d08011009220212002a0b0880e2cfaa0610959aef3a3214000000000000000000000000000000"
    "0000000000380112067a6f6e652d31"
)
NIL_PREVOTE = bytes.fromhex(
    "2008011109000000000000002a0b0880e2cfaa0610959aef3a32067a6f6e652d31"
)
SIGN_PROPOSAL = bytes.fromhex(
    "742a720a6808201007180220ffffffffffffffffff012a480a20000102030405060708090a0b0c0d0e0f10"
    "1112131415161718191a1b1c1d1e1f1224080312206465666768696a6b6c6d6e6f707172737475767778"
    "797a7b7c7d7e7f80818283320b0880e2cfaa0610959aef3a12067a6f6e652d31"
)
PING = bytes.fromhex("023a00")
PUBLIC_KEY = bytes.fromhex("0a0a080a067a6f6e652d31")


def encoded(message: pb.Message) -> bytes:
    return delimited(message.SerializeToString(deterministic=True))


def decoded(data: bytes) -> pb.Message:
    message = pb.Message()
    message.ParseFromString(data)
    return message


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    save_signed_step(path, NOTHING_SIGNED)
    return path


@pytest.fixture
def signer(state_file: Path) -> ValidatorSigner:
    return ValidatorSigner(key=KEY, chain_id=CHAIN_ID, state_file=state_file)


def ask(signer: ValidatorSigner, request: bytes) -> pb.Message:
    given = answer(signer, request[1:])
    assert given[0] == len(given) - 1 or given[1] < 0x80
    return decoded(given[1:] if given[0] < 0x80 else given[2:])


def test_public_key_is_told_for_the_zone_alone(signer: ValidatorSigner) -> None:
    told = ask(signer, PUBLIC_KEY).pub_key_response
    assert told.pub_key.ed25519 == KEY.public_key
    assert not told.HasField("error")
    other = pb.Message(pub_key_request=pb.PubKeyRequest(chain_id="zone-2"))
    refused = ask(signer, encoded(other)).pub_key_response
    assert "signs for zone-1" in refused.error.description
    assert refused.HasField("pub_key")
    assert not refused.pub_key.ed25519


def test_requests_of_cometbft_are_signed(signer: ValidatorSigner) -> None:
    proposal = ask(signer, SIGN_PROPOSAL).signed_proposal_response
    assert not proposal.HasField("error")
    assert proposal.proposal.pol_round == -1
    vote = ask(signer, SIGN_NIL_PREVOTE).signed_vote_response.vote
    assert is_signed(KEY.public_key, NIL_PREVOTE, vote.signature)


def test_refusal_is_an_answer_with_its_reason(signer: ValidatorSigner) -> None:
    ask(signer, SIGN_NIL_PREVOTE)
    refused = ask(signer, SIGN_PROPOSAL).signed_proposal_response
    assert "9/0/prevote is signed already" in refused.error.description
    assert refused.HasField("proposal")
    assert not refused.proposal.signature


def test_ping_is_answered(signer: ValidatorSigner) -> None:
    assert answer(signer, PING[1:]) == bytes.fromhex("024200")


@pytest.mark.parametrize(
    "data", [b"\xff", b"\x3a\x01", b"\x7a\x00", b"\x0a\x02\x18\x01"]
)
def test_malformed_request_is_refused(signer: ValidatorSigner, data: bytes) -> None:
    with pytest.raises(DecodeError):
        answer(signer, data)


@pytest.mark.parametrize("data", [b"", b"\x12\x02\x0a\x00", b"\x42\x00"])
def test_what_is_no_request_is_refused(signer: ValidatorSigner, data: bytes) -> None:
    with pytest.raises(SignRequestError):
        answer(signer, data)


@pytest.mark.parametrize("head", [b"\xff\xff", b"\x81\x7f", b"\xff\xff\x01"])
def test_overlong_message_is_refused_before_it_is_read(head: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(head)
        with pytest.raises(SignRequestError):
            read_message(here)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x05abc"])
def test_connection_that_ends_in_a_message_ends_quietly(data: bytes) -> None:
    here, there = socket.socketpair()
    with here:
        with there:
            there.sendall(data)
        assert read_message(here) is None


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:26659", "unix://relative", "unix://", "/path", ""]
)
def test_only_unix_sockets_are_dialled(address: str) -> None:
    with pytest.raises(SignerAddressError):
        socket_path(address)


class CometBft:
    """Listens as CometBFT does for its signer."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(WAIT_S)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._connection: socket.socket | None = None

    def ask(self, request: bytes) -> pb.Message:
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(WAIT_S)
        self._connection.sendall(request)
        data = read_message(self._connection)
        assert data is not None
        return decoded(data)

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.hang_up()
        self._listener.close()


@contextmanager
def cometbft(path: Path) -> Iterator[CometBft]:
    listening = CometBft(path)
    try:
        yield listening
    finally:
        listening.close()


def test_signer_waits_for_cometbft_and_dials_again(state_file: Path) -> None:
    path = state_file.parent / "signer.sock"
    with running_signer(
        key=KEY, chain_id=CHAIN_ID, state_file=state_file, address=f"unix://{path}"
    ):
        with cometbft(path) as first:
            assert first.ask(PUBLIC_KEY).pub_key_response.pub_key.ed25519
            first.hang_up()
            signed = first.ask(SIGN_NIL_PREVOTE).signed_vote_response
        path.unlink()
        with cometbft(path) as second:
            again = second.ask(SIGN_NIL_PREVOTE).signed_vote_response
            assert again == signed


def test_malformed_request_ends_its_connection_alone(state_file: Path) -> None:
    path = state_file.parent / "signer.sock"
    with (
        running_signer(
            key=KEY, chain_id=CHAIN_ID, state_file=state_file, address=f"unix://{path}"
        ),
        cometbft(path) as listening,
    ):
        with pytest.raises((AssertionError, ConnectionResetError)):
            listening.ask(b"\x01\xff")
        listening.hang_up()
        assert listening.ask(PING).HasField("ping_response")


def test_socket_left_by_a_cometbft_of_before_is_removed(state_file: Path) -> None:
    path = state_file.parent / "signer.sock"
    with cometbft(path):
        pass
    assert path.is_socket()
    with (
        running_signer(
            key=KEY, chain_id=CHAIN_ID, state_file=state_file, address=f"unix://{path}"
        ),
        cometbft(path) as listening,
    ):
        assert listening.ask(PING).HasField("ping_response")


def test_second_signer_with_one_record_is_refused(state_file: Path) -> None:
    address = f"unix://{state_file.parent / 'signer.sock'}"
    with (
        running_signer(
            key=KEY, chain_id=CHAIN_ID, state_file=state_file, address=address
        ),
        pytest.raises(SignerRunsError),
        running_signer(
            key=KEY, chain_id=CHAIN_ID, state_file=state_file, address=address
        ),
    ):
        pass


def test_signer_without_record_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(SignStateError),
        running_signer(
            key=KEY,
            chain_id=CHAIN_ID,
            state_file=tmp_path / "absent.json",
            address=f"unix://{tmp_path / 'signer.sock'}",
        ),
    ):
        pass
