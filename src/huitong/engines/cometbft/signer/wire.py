"""Requests of CometBFT and our answers: protobuf behind its length.

A refusal is an answer like any other; CometBFT takes it for "not signed" and goes on.
"""

from __future__ import annotations

import socket
from typing import Final

from huitong.core.codec import decode, delimited, encode
from huitong.core.errors import HuitongError
from huitong.core.gogoproto import with_required
from huitong.engines.cometbft.signer.errors import SignRequestError
from huitong.engines.cometbft.signer.signer import ValidatorSigner
from huitong.proto.tendermint.crypto.keys_pb2 import PublicKey
from huitong.proto.tendermint.privval import types_pb2 as pb

#: Longest message; CometBFT's own bound.
MESSAGE_SIZE_BYTES_MAX: Final = 10_240
#: Of a length that such a message may have.
_LENGTH_SIZE_BYTES_MAX: Final = 2
#: CometBFT knows no codes; all its own refusals have 0.
_CODE: Final = 0


def read_message(connection: socket.socket) -> bytes | None:
    """Return the next message; None if the other side has closed.

    Raises:
        SignRequestError: it is longer than any.
        OSError: the connection broke.
    """
    length = 0
    for place in range(_LENGTH_SIZE_BYTES_MAX):
        byte = connection.recv(1)
        if not byte:
            return None
        length |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            break
    else:
        raise SignRequestError(reason="the message is too long")
    if length > MESSAGE_SIZE_BYTES_MAX:
        raise SignRequestError(reason=f"the message has {length} bytes")
    data = bytearray()
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def answer(signer: ValidatorSigner, data: bytes) -> bytes:
    """Return the answer to one request, with its length.

    Raises:
        DecodeError: the request is malformed.
        SignRequestError: it is none.
    """
    request = decode(pb.Message, data, size_bytes_max=MESSAGE_SIZE_BYTES_MAX)
    kind = request.WhichOneof("sum")
    if kind == "ping_request":
        response = pb.Message(ping_response=pb.PingResponse())
    elif kind == "pub_key_request":
        response = _public_key(signer, request.pub_key_request)
    elif kind == "sign_vote_request":
        response = _vote(signer, request.sign_vote_request)
    elif kind == "sign_proposal_request":
        response = _proposal(signer, request.sign_proposal_request)
    else:
        raise SignRequestError(reason=f"{kind} is no request")
    return delimited(encode(with_required(response)))


def _public_key(signer: ValidatorSigner, request: pb.PubKeyRequest) -> pb.Message:
    response = pb.PubKeyResponse()
    try:
        signer.check_chain(request.chain_id)
        response.pub_key.CopyFrom(PublicKey(ed25519=signer.public_key))
    except HuitongError as refusal:
        response.error.CopyFrom(_error(refusal))
    return pb.Message(pub_key_response=response)


def _vote(signer: ValidatorSigner, request: pb.SignVoteRequest) -> pb.Message:
    response = pb.SignedVoteResponse()
    try:
        response.vote.CopyFrom(signer.sign_vote(request.vote, request.chain_id))
    except HuitongError as refusal:
        response.error.CopyFrom(_error(refusal))
    return pb.Message(signed_vote_response=response)


def _proposal(signer: ValidatorSigner, request: pb.SignProposalRequest) -> pb.Message:
    response = pb.SignedProposalResponse()
    try:
        response.proposal.CopyFrom(
            signer.sign_proposal(request.proposal, request.chain_id)
        )
    except HuitongError as refusal:
        response.error.CopyFrom(_error(refusal))
    return pb.Message(signed_proposal_response=response)


def _error(refusal: HuitongError) -> pb.RemoteSignerError:
    return pb.RemoteSignerError(code=_CODE, description=str(refusal))
