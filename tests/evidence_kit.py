"""Two zones in this process that finish one exchange, and bundles made of it.

The zones run the real application under the embedded engine's ``Chain``, over stores in
memory: real transactions, blocks, commits and proofs; only threads, mempool and RPC are
left out. ``testing.links`` opens the link between them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from huitong.client.answers import ProvenValue, TxOutcome
from huitong.core.address import address_of_public_key
from huitong.core.codec import decode, encode, pack_any
from huitong.core.commitment import (
    FieldCommitment,
    commit_fields,
    disclose,
    encode_disclosure,
)
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.time import NS_PER_SECOND, parse_rfc3339
from huitong.core.tx import build_transaction
from huitong.engines.embedded.chain import Chain
from huitong.engines.genesis import GenesisDocument, GenesisValidator
from huitong.engines.validator_key import validator_key_from_seed
from huitong.evidence.collect import Order, collect_bundle
from huitong.evidence.container import encode_container
from huitong.evidence.manifest import MANIFEST_ENTRY, listed_entries, seal_entries
from huitong.evidence.model import TxResultFields
from huitong.evidence.sources import BlockContent, FoundTx
from huitong.evidence.trust import TrustAnchor
from huitong.light.tendermint.client_message import Header
from huitong.light.tendermint.consensus_state import consensus_state_of
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS, client_state_for
from huitong.light.tendermint.trust_level import TRUST_LEVEL_DEFAULT
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.modules.exchange.decisions import encode_decision
from huitong.modules.exchange.keys import PORT_ID, VERSION
from huitong.modules.zone import STORE_NAMES, build_application
from huitong.node.proofs import _merkle_proof
from huitong.payload.document import split_document
from huitong.payload.sealing import SealingContext, encryption_public_key, seal
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.headers import GENESIS_TIME_NS
from huitong.testing.links import RELAYER, Endpoint, Path
from huitong.testing.zones import Proven, SimClock

INVOICE = {
    "invoice_number": "26332000000012345678",
    "seller": {"name": "西湖丝绸有限公司"},
    "total": 113,
    "lines": [{"name": "丝绸", "amount": 100}],
}
PURPOSE = "receivable-financing"
GIVEN = ("invoice_number", "seller", "total")


def key_of(name: str) -> bytes:
    """Return the private key of a made-up account."""
    return sha256(b"evidence kit " + name.encode())


def address_of(name: str) -> str:
    """Return the address of a made-up account."""
    return address_of_public_key(public_key_of_private_key(key_of(name)))


class ChainZone:
    """A zone that puts each message into a signed transaction in a block of its own."""

    def __init__(
        self,
        chain_id: str,
        app_state: dict[str, Any],
        clock: SimClock,
        universe: str = "",
    ) -> None:
        self.chain_id_text = chain_id
        self.clock = clock
        self.key = validator_key_from_seed(sha256((chain_id + universe).encode()))
        self.genesis = GenesisDocument(
            time_ns=GENESIS_TIME_NS,
            chain_id=chain_id,
            validators=(GenesisValidator(public_key=self.key.public_key, power=10),),
            app_state=app_state,
        )
        backend = MemoryBackend()
        state = MultiStore(backend, STORE_NAMES, versions_kept=10_000)
        self.app = build_application(chain_id=chain_id, state=state)
        self.engine = Chain(
            genesis=self.genesis, app=self.app, backend=backend, key=self.key
        )
        self.blocks: dict[int, Any] = {}
        self.sequences: dict[str, int] = {}
        self.events: list[Any] = []
        self.next_block()
        self.next_block()

    # --- blocks -------------------------------------------------------------------------

    @property
    def chain(self) -> ChainZone:
        """Stand in for the test kit's chain of headers."""
        return self

    @property
    def height(self) -> int:
        """Height of the newest block."""
        return max(self.blocks, default=0)

    def next_block(self, txs: tuple[bytes, ...] = ()) -> Any:
        """Make a block."""
        self.clock.advance(NS_PER_SECOND)
        block = self.engine.propose(txs)
        finalized = self.engine.finalize(block)
        made = self.engine.commit(block, finalized, self.clock.time_ns, self.key.sign)
        self.blocks[made.height] = made
        return made

    def deliver(self, message: Any) -> Any:
        """Carry out one message in a block of its own."""
        names = {address_of(name): name for name in ACCOUNTS}
        if message.signer == RELAYER:
            message.signer = address_of("relayer")
        name = names[message.signer]
        sequence = self.sequences.get(name, 0)
        raw = build_transaction(
            [pack_any(message)],
            private_key=key_of(name),
            chain_id=self.chain_id_text,
            account_number=list(ACCOUNTS).index(name),
            sequence=sequence,
            gas_limit=20_000_000,
        )
        self.sequences[name] = sequence + 1
        made = self.next_block((raw,))
        result = made.finalized.tx_results[0]
        assert result.code == 0, result.log
        self.events = list(result.events)
        return made

    def told(self, kind: str) -> list[dict[str, str]]:
        """Return the attributes of the last events of a kind."""
        return [dict(event.attributes) for event in self.events if event.kind == kind]

    @property
    def time_ns(self) -> int:
        """Time of the newest block."""
        return self.blocks[self.height].block.header.time_ns

    # --- what the test kit's endpoints ask --------------------------------------------

    def height_of(self, height: int) -> Height:
        """Return a height with its revision."""
        return Height(1, height)

    def header_at(self, height: int) -> SignedHeader:
        """Return a header with its votes."""
        made = self.blocks[height]
        return SignedHeader(header=made.block.header, commit=made.commit)

    def client_state(self, height: int) -> Any:
        """Return the state of a client of this zone."""
        return client_state_for(self.chain_id_text, self.height_of(height))

    def consensus_state(self, height: int) -> Any:
        """Return what a client remembers of a height."""
        return consensus_state_of(self.blocks[height].block.header)

    def client_header(self, height: int, *, trusted_height: int) -> Header:
        """Return the message that brings a client from one height to another."""
        validators = self.engine.state.validators
        return Header(
            signed_header=self.header_at(height),
            validators=validators,
            trusted_height=self.height_of(trusted_height),
            trusted_validators=validators,
        )

    def prove_one(self, store: str, key: bytes, version: int) -> tuple[Any, bytes]:
        """Return a value of a version with its proof."""
        with self.app.state.at(version) as view:
            found = view.prove(store, key)
        return found.value, _merkle_proof([op.data for op in found.ops])


class KitZone(ChainZone):
    """With ``prove`` as the endpoints of the test kit call it."""

    def prove(self, store: str, key: bytes) -> Proven:
        """Prove what the newest state that has a header above it holds."""
        value, proof = self.prove_one(store, key, self.height - 1)
        return Proven(value=value, proof=proof, height=self.height_of(self.height))


class MemorySource:
    """A ``ZoneSource`` over a zone in memory."""

    def __init__(self, zone: ChainZone) -> None:
        self.zone = zone

    async def chain_id(self) -> str:
        return self.zone.chain_id_text

    async def latest_height(self) -> int:
        return self.zone.height

    async def light_block(self, height: int) -> LightBlock:
        # As from a node: without proposer, which RPC does not tell.
        validators = self.zone.engine.state.validators
        return LightBlock(
            signed_header=self.zone.header_at(height),
            validators=validators,
            next_validators=validators,
        )

    async def newest_header(
        self, height: int = 0, timeout_s: float = 0
    ) -> SignedHeader:
        """Make the blocks that are waited for, and return the newest header."""
        return self.zone.header_at(await self.wait_height(height))

    async def validators(self, height: int) -> ValidatorSet:
        return self.zone.engine.state.validators

    async def block(self, height: int) -> BlockContent:
        made = self.zone.blocks[height]
        return BlockContent(
            txs=made.block.txs,
            results=tuple(
                TxResultFields(
                    code=result.code,
                    data=result.data,
                    gas_wanted=result.gas_wanted,
                    gas_used=result.gas_used,
                )
                for result in made.finalized.tx_results
            ),
        )

    async def prove(
        self, store: str, keys: list[bytes], height: int
    ) -> list[ProvenValue]:
        found = []
        for key in keys:
            value, proof = self.zone.prove_one(store, key, height)
            found.append(ProvenValue(key=key, value=value, proof=proof, height=height))
        return found

    async def query(
        self, path: str, request: Any, response: Any, height: int = 0
    ) -> Any:
        result = self.zone.app.query(path, encode(request), height, False)
        assert result.code == 0, result.log
        return decode(response, result.value)

    async def abci_query(
        self, path: str, data: bytes = b"", height: int = 0, prove: bool = False
    ) -> Any:
        return self.zone.app.query(path, data, height, prove)

    async def wait_height(self, height: int, timeout_s: float = 0) -> int:
        """Make the blocks that are waited for."""
        while self.zone.height < height:
            self.zone.next_block()
        return self.zone.height

    async def find_txs(self, query: str) -> list[FoundTx]:
        wanted = dict(
            tuple(part.replace("'", "").split(" = ")) for part in query.split(" AND ")
        )
        found = []
        for height, made in self.zone.blocks.items():
            for raw, result in zip(
                made.block.txs, made.finalized.tx_results, strict=True
            ):
                told = {
                    f"{event.kind}.{key}": value
                    for event in result.events
                    for key, value in event.attributes
                }
                if wanted.items() <= told.items():
                    tx_hash = sha256(raw).hex().upper()
                    found.append(FoundTx(hash=tx_hash, height=height))
        return found


class MemorySender:
    """A ``Sender`` for one account of a zone in memory."""

    def __init__(self, zone: ChainZone, name: str) -> None:
        self.zone = zone
        self.address = address_of(name)

    async def send(self, *messages: Any, gas_limit: int = 0) -> TxOutcome:
        """Carry out messages, each in a block of its own."""
        for message in messages:
            made = self.zone.deliver(message)
        result = made.finalized.tx_results[0]
        return TxOutcome(
            hash="",
            height=made.height,
            code=0,
            codespace="",
            log="",
            events=result.events,
            data=result.data,
            gas_used=result.gas_used,
        )


ACCOUNTS: dict[str, tuple[str, list[str]]] = {
    "operator": ("", ["operator"]),
    "relayer": ("", ["relayer"]),
    "bureau": ("hz-tax-bureau", ["officer", "publisher"]),
    "bank": ("cq-bank", ["requester"]),
}


def _app_state() -> dict[str, Any]:
    names = {"hz-tax-bureau": "杭州市税务局", "cq-bank": "重庆银行"}
    return {
        "members": {
            "members": [
                {"member_id": member_id, "name": name}
                for member_id, name in names.items()
            ],
            "accounts": [
                {"address": address_of(name), "member_id": member, "roles": roles}
                for name, (member, roles) in ACCOUNTS.items()
            ],
        }
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Two zones after an exchange."""

    a: KitZone
    b: KitZone
    path: Path
    disclosure: bytes
    sequences: tuple[int, ...]

    @property
    def now_ns(self) -> int:
        """The time that both zones share."""
        return self.a.clock.time_ns

    def sources(self) -> tuple[MemorySource, MemorySource]:
        """Return both zones as collecting and refreshing see them."""
        return MemorySource(self.a), MemorySource(self.b)

    def trust(self, height_on_a: int = 2, height_on_b: int = 2) -> dict[str, Any]:
        """Return trust in one header of each zone."""
        anchors = {}
        for zone, height in ((self.a, height_on_a), (self.b, height_on_b)):
            header = zone.header_at(height).header
            anchors[zone.chain_id_text] = TrustAnchor(
                chain_id=zone.chain_id_text,
                height=height,
                hash=header_hash(header),
                next_validators_hash=header.next_validators_hash,
                validators_hash=None,
                validators=None,
                time_ns=header.time_ns,
                trusting_period_ns=TRUSTING_PERIOD_NS,
                trust_level=TRUST_LEVEL_DEFAULT,
            )
        return anchors

    def collect(self, sequence: int = 0, **changes: Any) -> bytes:
        """Return a bundle of one exchange, the first by default."""
        order = {
            "channel_on_b": self.path.b.channel_id,
            "sequence": sequence or self.sequences[0],
            "disclosure": self.disclosure,
            "maker_side": "requester",
            "private_key": key_of("bank"),
            "anchors": {"provider": (2,), "requester": (2,)},
        } | changes
        return asyncio.run(
            collect_bundle(*self.sources(), Order(**order), now_ns=self.now_ns)
        )


def open_link(clock: SimClock, universe: str) -> Path:
    """Return two linked zones; another universe has other validators."""
    ends = []
    for chain_id in ("hangzhou-1", "chongqing-1"):
        zone = KitZone(chain_id, _app_state(), clock, universe)
        ends.append(
            Endpoint(zone=zone, application=None, port_id=PORT_ID, version=VERSION)
        )
    a, b = ends
    a.face(b)
    b.face(a)
    path = Path(a=a, b=b)
    path.open_clients()
    path.open_connection()
    path.open_channel()
    return path


def _packet(end: Endpoint, sequence: int, timeout_ns: int, **data: Any) -> Any:
    return channel_pb2.Packet(
        sequence=sequence,
        source_port=PORT_ID,
        source_channel=end.channel_id,
        destination_port=PORT_ID,
        destination_channel=end.other.channel_id,
        data=encode(exchange_pb2.ExchangePacketData(**data)),
        timeout_timestamp=timeout_ns,
    )


@dataclass(frozen=True, kw_only=True)
class Payload:
    """A document as fields, with the salts that its digest on chain was made with."""

    fields: dict[str, bytes]
    salts: dict[str, bytes]

    def commit(self) -> FieldCommitment:
        """Return the commitment whose root stands in the record header."""
        return commit_fields(self.fields, self.salts)


def make_payload(document: Any = INVOICE) -> Payload:
    """Return a payload with salts that are the same in every run."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    fields = split_document(data)
    salts = {name: sha256(b"salt" + name.encode()) for name in fields}
    return Payload(fields=fields, salts=salts)


def begin_exchange(
    path: Path, payload: Payload, given: tuple[str, ...], consent_id: int = 0
) -> tuple[int, int, Any]:
    """Request; return sequence and timeout of the packet, and the request."""
    b = path.b
    timeout_ns = b.zone.clock.time_ns + 3_600 * NS_PER_SECOND
    request = exchange_pb2.RequestPacket(
        requester="cq-bank",
        reader_key=encryption_public_key(sha256(b"reader")),
        issuer="hz-tax-bureau",
        record_id="INV-1",
        purpose=PURPOSE,
        legal_basis="grant of the holder",
        consent_id=consent_id,
        fields=sorted(given),
    )
    b.zone.deliver(
        exchange_pb2.MsgRequestExchange(
            signer=address_of("bank"),
            channel_id=b.channel_id,
            request=request,
            timeout_timestamp=timeout_ns,
        )
    )
    sequence = int(b.zone.told("send_packet")[0]["packet_sequence"])
    return sequence, timeout_ns, request


def _exchange_on_a(path: Path, sequence: int) -> Any:
    a = path.a
    result = a.zone.app.query(
        "/huitong.exchange.v1.Query/Exchange",
        encode(
            exchange_pb2.QueryExchangeRequest(
                channel_id=a.channel_id, sequence=sequence
            )
        ),
        0,
        False,
    )
    return decode(exchange_pb2.QueryExchangeResponse, result.value).exchange


def relay_request(path: Path, sequence: int, timeout_ns: int, request: Any) -> Any:
    """Bring a request to a and the decision back, if there is one; return it."""
    a, b = path.a, path.b
    packet = _packet(b, sequence, timeout_ns, request=request)
    a.receive(packet)
    exchange = _exchange_on_a(path, sequence)
    if exchange.HasField("decision"):
        b.acknowledge(packet, encode_decision(exchange.decision))
    return exchange.decision


def _decide(path: Path, sequence: int, timeout_ns: int, request: Any) -> Any:
    """Let an officer grant a waiting request, and bring the decision to b."""
    a, b = path.a, path.b
    a.zone.deliver(
        exchange_pb2.MsgDecideExchange(
            signer=address_of("bureau"),
            channel_id=a.channel_id,
            sequence=sequence,
            outcome=exchange_pb2.OUTCOME_GRANTED,
            reason="looked at by hand",
        )
    )
    decision = _exchange_on_a(path, sequence).decision
    packet = _packet(b, sequence, timeout_ns, request=request)
    b.acknowledge(packet, encode_decision(decision))
    return decision


def run_exchange(
    path: Path,
    payload: Payload,
    given: tuple[str, ...],
    *,
    by_officer: bool = False,
    consent_id: int = 0,
) -> int:
    """Request, decide, deliver, confirm; return the request's sequence."""
    a, b = path.a, path.b
    digest = payload.commit().root
    sequence, timeout_ns, request = begin_exchange(path, payload, given, consent_id)
    decision = relay_request(path, sequence, timeout_ns, request)
    if by_officer:
        decision = _decide(path, sequence, timeout_ns, request)
    assert decision.outcome == exchange_pb2.OUTCOME_GRANTED, decision
    context = SealingContext(
        chain_id_of_a="hangzhou-1",
        channel_on_a=a.channel_id,
        sequence=sequence,
        requester="cq-bank",
        payload_digest=digest,
    )
    sealed = seal(b"sealed in this test", request.reader_key, context)
    a.zone.deliver(
        exchange_pb2.MsgRecordDelivery(
            signer=address_of("bureau"),
            channel_id=a.channel_id,
            sequence=sequence,
            sealed_digest=sha256(sealed),
        )
    )
    receipt = exchange_pb2.ReceiptPacket(
        request_sequence=sequence,
        payload_digest=digest,
        sealed_digest=sha256(sealed),
        received_time=a.zone.clock.time_ns // NS_PER_SECOND,
        grade="proven",
    )
    b.zone.deliver(
        exchange_pb2.MsgConfirmReceipt(
            signer=address_of("bank"),
            channel_id=b.channel_id,
            sequence=sequence,
            payload_digest=digest,
            sealed_digest=sha256(sealed),
            received_time=receipt.received_time,
            grade="proven",
            timeout_timestamp=timeout_ns,
        )
    )
    receipt_sequence = int(b.zone.told("send_packet")[0]["packet_sequence"])
    second = _packet(b, receipt_sequence, timeout_ns, receipt=receipt)
    a.receive(second)
    b.acknowledge(second, b'{"result":"AQ=="}')
    return sequence


def finished_exchange(
    exchanges: int = 1, universe: str = "", mode: str = "grant"
) -> Finished:
    """Return two zones in which exchanges of one invoice are over, made once.

    The zones of the empty universe are not to be changed.

    Args:
        exchanges: how many.
        universe: other ones have other validators.
        mode: ``grant``, ``officer`` (who decides, without a grant), or ``consent``.
    """
    return _finished_exchange(exchanges, universe, mode)


@cache
def _finished_exchange(exchanges: int, universe: str, mode: str) -> Finished:
    clock = SimClock()
    path = open_link(clock, universe)
    a, b = path.a, path.b
    payload = make_payload()
    commitment = payload.commit()
    a.zone.deliver(
        records_pb2.MsgPublishRecord(
            signer=address_of("bureau"),
            record_id="INV-1",
            record_type="tax.invoice",
            subject=sha256(b"pseudonym"),
            payload_digest=commitment.root,
            fields=commitment.names,
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )
    )
    reader = grants_pb2.Reader(channel_id=a.channel_id, member_id="cq-bank")
    if mode == "consent":
        a.zone.deliver(
            grants_pb2.MsgRecordConsent(
                signer=address_of("bureau"),
                subject=sha256(b"pseudonym"),
                reader=reader,
                purpose=PURPOSE,
                evidence_digest=sha256(b"signed"),
            )
        )
    if mode != "officer":
        a.zone.deliver(
            grants_pb2.MsgGrant(
                signer=address_of("bureau"),
                reader=reader,
                record_type="tax.invoice",
                purpose=PURPOSE,
                fields=sorted(GIVEN),
                consent_required=mode == "consent",
            )
        )
    sequences = tuple(
        run_exchange(
            path,
            payload,
            GIVEN,
            by_officer=mode == "officer",
            consent_id=int(mode == "consent"),
        )
        for _ in range(exchanges)
    )
    for zone in (a.zone, b.zone):
        zone.next_block()
        zone.next_block()
    disclosure = disclose(commitment, payload.fields, payload.salts, GIVEN)
    return Finished(
        a=a.zone,
        b=b.zone,
        path=path,
        disclosure=encode_disclosure(disclosure),
        sequences=sequences,
    )


def bundle(sequence: int = 0, exchanges: int = 1, universe: str = "") -> bytes:
    """Return a bundle of one exchange, made once."""
    return _bundle(sequence, exchanges, universe)


@cache
def _bundle(sequence: int, exchanges: int, universe: str) -> bytes:
    return finished_exchange(exchanges, universe).collect(sequence)


def reseal(entries: dict[str, bytes], name: str = "bank", created_ns: int = 0) -> bytes:
    """Return a bundle of these entries with a fresh manifest, signed by an account.

    This is what a dishonest maker can do: everything but other people's signatures. It
    is dated as the manifest among the entries is, unless told otherwise.
    """
    listed = listed_entries(entries)
    if not created_ns:
        created_ns = parse_rfc3339(json.loads(entries[MANIFEST_ENTRY])["created"])
    sealed = seal_entries(listed, created_ns=created_ns, private_key=key_of(name))
    addenda = {name: data for name, data in entries.items() if name not in sealed}
    return encode_container(sealed | addenda)
