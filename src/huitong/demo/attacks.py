"""Three attempts to cheat, made against the running zones; each must be refused.

1. *Forged payload*: a dishonest issuer brings the bank's gateway a document with other
   content, correctly sealed and stated on chain. The record's digest does not match.
2. *Forged header*: a state is made up in which the record has the forged digest, with a
   proof that fits, below a header that claims this state. The zone's validators did not
   sign it, so the bank's zone refuses the header, and without header no proof.
3. *Replayed packet*: a packet that was received is sent once more, with its valid proof.

An attack that is refused for another reason than its own is a failure too: it would have
proven nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from huitong.client import Sender
from huitong.client.answers import from_base64
from huitong.client.errors import TransactionFailedError
from huitong.core.codec import encode, type_url_of, unpack_any
from huitong.core.commitment import (
    Disclosure,
    decode_disclosure,
    encode_disclosure,
)
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.tx import decode_transaction
from huitong.demo import cast
from huitong.demo.cast import Script
from huitong.demo.errors import AttackSucceededError
from huitong.demo.play import Played, make_request, wait_refusal, wait_stage
from huitong.demo.stage import Stage
from huitong.demo.story import Narrator
from huitong.engines.validator_key import new_validator_key
from huitong.gateway.exchange.parts import HandOver
from huitong.light.tendermint.block_types import BlockId, PartSetHeader
from huitong.light.tendermint.client_message import (
    Header,
    client_message_from_any,
    client_message_to_any,
)
from huitong.light.tendermint.commit import (
    BlockIdFlag,
    Commit,
    CommitSig,
    vote_template,
)
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import record_key
from huitong.modules.zone import STORE_NAMES
from huitong.payload.sealing import SealingContext, seal
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.relayer.config import LinkConfig
from huitong.relayer.discovery import get_client_state

#: Work allowed to a message that is expected to fail; no simulation comes before it.
GAS_LIMIT: Final = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackOutcome:
    """What became of one attack."""

    name: str
    """What was tried."""
    refused: bool
    """Whether it was refused."""
    reason: str
    """Why, with the code of the rule."""


async def try_attacks(
    stage: Stage, link: LinkConfig, script: Script, played: Played, narrator: Narrator
) -> tuple[AttackOutcome, ...]:
    """Try all three.

    Raises:
        AttackSucceededError: one was not refused.
        HuitongError: one failed for another reason than its own.
    """
    outcomes = []
    tried: tuple[tuple[str, str, Callable[[], Awaitable[str]]], ...] = (
        (
            "篡改载荷",
            "forged payload",
            lambda: _forge_payload(stage, link, script, played),
        ),
        (
            "未经验证者签名的区块头",
            "proof against an unsigned header",
            lambda: _forge_header(stage, link, played),
        ),
        ("重放数据包", "replayed packet", lambda: _replay_packet(stage, link, played)),
    )
    for chinese, english, attack in tried:
        reason = await attack()
        narrator.attack(chinese, english, reason)
        outcomes.append(AttackOutcome(name=english, refused=True, reason=reason))
    return tuple(outcomes)


# --- 1 ------------------------------------------------------------------------------------


async def _forge_payload(
    stage: Stage, link: LinkConfig, script: Script, played: Played
) -> str:
    """Let the issuer hand over other content in a second exchange.

    Its own gateway would not do that, so it is stopped, and a dishonest one takes its
    place: it seals and states as the rules want, and brings it by the issuer's own keys.
    """
    await stage.bureau.stop()
    asked = await stage.bank.post(
        "/v1/requests", make_request(link, script, played.consent_id)
    )
    exchange = await wait_stage(stage.bank, asked["id"], ("granted",))
    context = SealingContext(
        chain_id_of_a=cast.ZONE_A,
        channel_on_a=link.channel_on_a,
        sequence=exchange["sequence"],
        requester=cast.BANK,
        payload_digest=bytes.fromhex(exchange["payload_digest"]),
    )
    forged = forge_disclosure(decode_disclosure(played.disclosure))
    reader_key = stage.bank.home.reader_keys.list()[0].public_key
    sealed = seal(encode_disclosure(forged), reader_key, context)
    sender = Sender(stage.clients[0], stage.zones[0].private_key(cast.BUREAU_KEY))
    stated = await sender.send(
        exchange_pb2.MsgRecordDelivery(
            signer=sender.address,
            channel_id=link.channel_on_a,
            sequence=exchange["sequence"],
            sealed_digest=sha256(sealed),
        )
    )
    what = HandOver(
        exchange_id="",
        peer=cast.BANK,
        chain_id_of_a=cast.ZONE_A,
        channel_on_a=link.channel_on_a,
        chain_id_of_b=cast.ZONE_B,
        channel_on_b=link.channel_on_b,
        sequence=exchange["sequence"],
        sealed_digest=sha256(sealed),
        size=len(sealed),
        stated_height=stated.height,
        request_id="",
    )
    async with stage.bureau.open_peers() as peers:
        await peers.hand_over(what, _one_piece(sealed))
    return await wait_refusal(stage.bank, asked["id"])


async def _one_piece(data: bytes) -> AsyncIterator[bytes]:
    yield data


def forge_disclosure(disclosure: Disclosure) -> Disclosure:
    """Return the same fields with other content in the last of them."""
    *others, last = disclosure.given
    forged = bytearray(last.value)
    forged[len(forged) // 2] ^= 1
    return replace(disclosure, given=(*others, replace(last, value=bytes(forged))))


# --- 2 ------------------------------------------------------------------------------------


async def _forge_header(stage: Stage, link: LinkConfig, played: Played) -> str:
    """Show the bank's zone a header of a made-up state, signed by somebody else."""
    zone_a, relayer_on_b = stage.relayers
    state = await get_client_state(relayer_on_b.client, link.client_on_b)
    trusted_height = state.latest_height.revision_height
    newest = await zone_a.client.latest_height()
    if newest <= trusted_height:
        newest = await zone_a.client.wait_height(trusted_height + 1)
    honest = client_message_from_any(
        await zone_a.headers.client_message(newest, trusted_height)
    )
    if not isinstance(honest, Header):
        raise AttackSucceededError(name="forged header")
    forged = _sign_as_stranger(honest, _made_up_state(played))
    try:
        await relayer_on_b.sender.send(
            client_tx_pb2.MsgUpdateClient(
                client_id=link.client_on_b,
                client_message=client_message_to_any(forged),
                signer=relayer_on_b.sender.address,
            ),
            gas_limit=GAS_LIMIT,
        )
    except TransactionFailedError as refused:
        return _reason(refused)
    raise AttackSucceededError(name="forged header")


def _made_up_state(played: Played) -> bytes:
    """Return the app hash of a state in which the record has another digest."""
    record = RecordHeader(
        issuer=cast.BUREAU,
        record_id=cast.RECORD_ID,
        version=played.exchange["version"],
        payload_digest=sha256(b"forged"),
    )
    key = record_key(record.issuer, record.record_id)
    state = MultiStore(MemoryBackend(), STORE_NAMES, versions_kept=1)
    pending = state.commit_changes(
        1,
        {
            name: [(key, encode(record))] if name == RECORDS_STORE else []
            for name in STORE_NAMES
        },
    )
    return pending.root_hash


def _sign_as_stranger(honest: Header, app_hash: bytes) -> Header:
    """Put another state root into a header and sign it with a key of one's own.

    The validators shown are the real ones, and the vote claims to be theirs.
    """
    stranger = new_validator_key()
    header: BlockHeader = replace(honest.signed_header.header, app_hash=app_hash)
    digest = header_hash(header)
    block_id = BlockId(hash=digest, parts=PartSetHeader(total=1, hash=sha256(digest)))
    template = vote_template(
        chain_id=header.chain_id, height=header.height, round=0, block_id=block_id
    )
    commit = Commit(
        height=header.height,
        round=0,
        block_id=block_id,
        signatures=tuple(
            CommitSig(
                flag=BlockIdFlag.COMMIT,
                validator_address=validator.address,
                timestamp_ns=header.time_ns,
                signature=stranger.sign(template.sign_bytes(header.time_ns)),
            )
            for validator in honest.validators.validators
        ),
    )
    return replace(honest, signed_header=SignedHeader(header=header, commit=commit))


# --- 3 ------------------------------------------------------------------------------------


async def _replay_packet(stage: Stage, link: LinkConfig, played: Played) -> str:
    """Send the request's packet to zone a once more, with the proof it came with."""
    relayer_on_a = stage.relayers[0]
    message = await _find_received(stage, link, played.sequence)
    message.signer = relayer_on_a.sender.address
    try:
        await relayer_on_a.sender.send(message, gas_limit=GAS_LIMIT)
    except TransactionFailedError as refused:
        return _reason(refused)
    raise AttackSucceededError(name="replayed packet")


async def _find_received(
    stage: Stage, link: LinkConfig, sequence: int
) -> channel_tx_pb2.MsgRecvPacket:
    """Return the message that brought the request to zone a, from its block."""
    client = stage.relayers[0].client
    (found,) = await client.search_txs(
        f"recv_packet.packet_dst_channel = '{link.channel_on_a}' AND "
        f"recv_packet.packet_sequence = '{sequence}'"
    )
    answer = await client.rpc.call("block", height=str(found.height))
    for encoded in answer["block"]["data"]["txs"]:
        for packed in decode_transaction(from_base64(encoded)).messages:
            if packed.type_url != type_url_of(channel_tx_pb2.MsgRecvPacket):
                continue
            message = unpack_any(packed, channel_tx_pb2.MsgRecvPacket)
            if message.packet.sequence == sequence:
                return message
    raise AttackSucceededError(name="replayed packet")


def _reason(refused: HuitongError) -> str:
    return f"{refused} [{refused.codespace}/{refused.code}]"
