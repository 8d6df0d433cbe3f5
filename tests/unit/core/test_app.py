"""The application: all or nothing, in order, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core import secp256k1
from huitong.core.abci import BlockRequest, GenesisRequest, TxResult
from huitong.core.address import address_of_public_key
from huitong.core.app import Application
from huitong.core.codec import decode, encode, pack_any
from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.hashing import sha256
from huitong.core.invariants import InvariantBrokenError, invariant
from huitong.core.limits import TX_FEE_COINS_MAX
from huitong.core.module import Module
from huitong.core.proposals import encoded_size
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.tx import build_transaction, decode_transaction, sign_bytes
from huitong.modules import members
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.proto.cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from huitong.proto.cosmos.tx.v1beta1 import service_pb2, tx_pb2
from huitong.proto.huitong.members.v1 import members_pb2

CHAIN = "lab-1"
START_NS = 1_700_000_000_000_000_000
OPERATOR_KEY = sha256(b"operator")
OTHER_KEY = sha256(b"other")
OPERATOR = address_of_public_key(public_key_of_private_key(OPERATOR_KEY))
OTHER = address_of_public_key(public_key_of_private_key(OTHER_KEY))


def _fail(ctx: Context, msg: Any) -> Message:
    """A handler with a bug: writes, then breaks."""
    ctx.store("members").set(b"half-done", b"x")
    raise KeyError("bug")


def _break(ctx: Context, msg: Any) -> Message:
    invariant(False, "the sum is kept", told=msg.reason)
    raise AssertionError


def _swap_apply(name: str, apply: Callable[[Context, Any], Message]) -> Module:
    """The module below with one handler replaced, to see what the app makes of it."""
    routes = tuple(
        replace(route, apply=apply) if route.request.DESCRIPTOR.name == name else route
        for route in UNGOVERNED.messages
    )
    return replace(UNGOVERNED, messages=routes)


#: The members module, whose admissions an operator signs here instead of voting on them.
UNGOVERNED = replace(
    members.MODULE,
    messages=tuple(
        replace(route, governed=False, roles=("operator",)) if route.governed else route
        for route in members.MODULE.messages
    ),
)


@dataclass
class Zone:
    """An application over memory with a counter of blocks."""

    module: Module = UNGOVERNED
    block_gas_max: int = 100_000_000
    versions_kept: int = 100
    app: Application = field(init=False)
    state: MultiStore = field(init=False)
    height: int = 0

    def __post_init__(self) -> None:
        self.state = MultiStore(
            MemoryBackend(), ["consensus", "members"], versions_kept=self.versions_kept
        )
        self.app = self.open()
        self.app.init_chain(genesis(self.block_gas_max))

    def open(self) -> Application:
        return Application(
            chain_id=CHAIN,
            modules=[self.module],
            authenticator=MemberAuthenticator(),
            consensus=ZoneConsensus(),
            ports={},
            state=self.state,
        )

    def request(self, *txs: bytes) -> BlockRequest:
        height = self.height + 1
        return BlockRequest(
            height=height,
            time_ns=START_NS + height * 1_000_000_000,
            header_hash=sha256(str(height).encode()),
            proposer_address=bytes(20),
            next_validators_hash=bytes(32),
            txs=txs,
        )

    def block(self, *txs: bytes) -> tuple[TxResult, ...]:
        done = self.app.finalize_block(self.request(*txs))
        self.app.commit()
        self.app.reset_check_state()
        self.height += 1
        return done.tx_results


def genesis(block_gas_max: int = 100_000_000) -> GenesisRequest:
    return GenesisRequest(
        chain_id=CHAIN,
        time_ns=START_NS,
        initial_height=1,
        validators=(),
        app_state={
            "members": {
                "members": [],
                "accounts": [
                    {"address": OPERATOR, "roles": ["operator"]},
                    {"address": OTHER},
                ],
            }
        },
        block_gas_max=block_gas_max,
        block_bytes_max=1_000_000,
    )


def admit(name: str, signer: str = OPERATOR) -> members_pb2.MsgAdmitMember:
    return members_pb2.MsgAdmitMember(
        signer=signer, member_id=name, name=name, legal_id=f"91-{name}"
    )


def sign(
    *messages: Message,
    sequence: int = 0,
    key: bytes = OPERATOR_KEY,
    account_number: int = 0,
    gas_limit: int = 1_000_000,
    chain_id: str = CHAIN,
    timeout_height: int = 0,
) -> bytes:
    return build_transaction(
        [pack_any(message) for message in messages],
        private_key=key,
        chain_id=chain_id,
        account_number=account_number,
        sequence=sequence,
        gas_limit=gas_limit,
        timeout_height=timeout_height,
    )


def admitted(zone: Zone) -> list[str]:
    state = zone.app.export_genesis()["members"]
    return [member["member_id"] for member in state["members"]]


def test_committed_transaction_changes_state_and_app_hash() -> None:
    zone = Zone()
    zone.block()
    before = zone.app.info().last_block_app_hash
    (result,) = zone.block(sign(admit("bank-1")))
    assert (result.code, result.codespace) == (0, ""), result.log
    responses = decode(TxMsgData, result.data).msg_responses
    assert [packed.type_url for packed in responses] == [
        "/huitong.members.v1.MsgAdmitMemberResponse"
    ]
    assert admitted(zone) == ["bank-1"]
    assert zone.app.info().last_block_height == 2
    assert zone.app.info().last_block_app_hash != before


def test_events_carry_action_sender_and_message_index() -> None:
    (result,) = Zone().block(sign(admit("bank-1"), admit("bank-2")))
    told = [event for event in result.events if event.kind == "message"]
    assert [event.find("msg_index") for event in told] == ["0", "1"]
    assert {event.find("action") for event in told} == {
        "/huitong.members.v1.MsgAdmitMember"
    }
    assert {event.find("sender") for event in told} == {OPERATOR}


def test_failing_message_undoes_the_messages_before_it_but_counts_the_sequence() -> (
    None
):
    zone = Zone()
    (result,) = zone.block(sign(admit("bank-1"), admit("bank-1")))
    assert result.code != 0
    assert result.data == b""
    assert admitted(zone) == []
    assert not [event for event in result.events if event.kind == "message"]
    (again,) = zone.block(sign(admit("bank-1"), sequence=1))
    assert again.code == 0, again.log


def test_log_of_a_failed_transaction_names_the_message() -> None:
    """The words are those of the Cosmos SDK; relayers and explorers look for them."""
    zone = Zone()
    zone.block()
    raw = sign(admit("a-1"), admit("a-1"))
    simulated = zone.app.simulate(raw)
    (delivered,) = zone.block(raw)
    for result in (simulated, delivered):
        words, _, rest = result.log.partition(": ")
        assert words == "failed to execute message; message index"
        assert rest.startswith("1: ")
        assert "a-1" in rest


def test_work_that_nobody_paid_for_is_told_of_no_message() -> None:
    zone = Zone()
    zone.block()
    used = zone.app.simulate(sign(admit("a-1"))).gas_used
    (delivered,) = zone.block(sign(admit("a-1"), gas_limit=used - 1))
    assert (delivered.codespace, delivered.code) == ("sdk", 11)
    assert delivered.log.startswith("out of gas in location: ")


def test_bug_in_a_handler_fails_the_transaction_alone() -> None:
    zone = Zone(module=_swap_apply("MsgAdmitMember", _fail))
    (result,) = zone.block(sign(admit("bank-1")))
    assert (result.codespace, result.code) == ("sdk", 111222)
    assert zone.state.store("members").get(b"half-done") is None


def test_broken_invariant_is_not_swallowed() -> None:
    zone = Zone(module=_swap_apply("MsgSetMemberStatus", _break))
    zone.block(sign(admit("bank-1")))
    broken = members_pb2.MsgSetMemberStatus(
        signer=OPERATOR, member_id="bank-1", status=2, reason="why"
    )
    with pytest.raises(InvariantBrokenError):
        zone.block(sign(broken, sequence=1))


def _with_fee(raw: bytes, amount: str) -> bytes:
    envelope = decode(tx_pb2.TxRaw, raw)
    auth_info = decode(tx_pb2.AuthInfo, envelope.auth_info_bytes)
    auth_info.fee.amount.add(denom="gold", amount=amount)
    envelope.auth_info_bytes = encode(auth_info)
    return encode(envelope)


def _signed_with_fee(raw: bytes, *coins: tuple[str, str]) -> bytes:
    """Return the operator's first transaction with these coins as its fee."""
    tx = decode_transaction(raw)
    auth_info = decode(tx_pb2.AuthInfo, tx.auth_info_bytes)
    for denom, amount in coins:
        auth_info.fee.amount.add(denom=denom, amount=amount)
    changed = replace(tx, auth_info_bytes=encode(auth_info))
    document = sign_bytes(changed, CHAIN, 0)
    return encode(
        tx_pb2.TxRaw(
            body_bytes=changed.body_bytes,
            auth_info_bytes=changed.auth_info_bytes,
            signatures=[secp256k1.sign(OPERATOR_KEY, document)],
        )
    )


@pytest.mark.parametrize(
    "denoms",
    [
        ["gold", "silver"],
        ["silver", "gold"],
        ["gold", "gold"],
        ["ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"],
        [f"gold{place}" for place in range(TX_FEE_COINS_MAX)],
    ],
    ids=["sorted", "unsorted", "twice", "voucher", "as many as there may be"],
)
def test_fees_of_nothing_pass_in_any_denominations(denoms: list[str]) -> None:
    """A Cosmos SDK node sorts and compares coins only where it takes some of them."""
    zone = Zone()
    zone.block()
    raw = _signed_with_fee(sign(admit("a-1")), *((denom, "0") for denom in denoms))
    assert zone.app.check_tx(raw).code == 0
    (delivered,) = zone.block(raw)
    assert delivered.code == 0, delivered.log


REFUSED = {
    "a fee beside one of nothing": (
        _signed_with_fee(sign(admit("a-1")), ("gold", "0"), ("silver", "1")),
        ("sdk", 5),
    ),
    "a fee": (_with_fee(sign(admit("a-1")), "1"), ("sdk", 5)),
    "changed after signing": (_with_fee(sign(admit("a-1")), "0"), ("sdk", 4)),
    "not a transaction": (b"\xff\x01", ("sdk", 2)),
    "empty": (b"", ("sdk", 18)),
    "wrong sequence": (sign(admit("a-1"), sequence=3), ("sdk", 32)),
    "other chain": (sign(admit("a-1"), chain_id="lab-2"), ("sdk", 4)),
    "other account number": (sign(admit("a-1"), account_number=1), ("sdk", 4)),
    "unknown account": (sign(admit("a-1"), key=sha256(b"nobody")), ("sdk", 9)),
    "role missing": (
        sign(admit("a-1", OTHER), key=OTHER_KEY, account_number=1),
        ("sdk", 4),
    ),
    "signer is not the sender": (sign(admit("a-1", OTHER)), ("sdk", 4)),
    "two signers": (sign(admit("a-1"), admit("a-2", OTHER)), ("sdk", 4)),
    "too little gas": (sign(admit("a-1"), gas_limit=5_000), ("sdk", 11)),
    "unknown message": (sign(service_pb2.SimulateRequest()), ("sdk", 6)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_transaction_gives_the_same_code_in_check_and_block(name: str) -> None:
    raw, expected = REFUSED[name]
    zone = Zone()
    zone.block()
    checked = zone.app.check_tx(raw)
    (delivered,) = zone.block(raw)
    assert (checked.codespace, checked.code) == expected, checked.log
    assert (delivered.codespace, delivered.code) == expected, delivered.log
    assert admitted(zone) == []


def test_transaction_past_its_timeout_height_is_refused() -> None:
    zone = Zone()
    zone.block()
    (late,) = zone.block(sign(admit("a-1"), timeout_height=1))
    assert (late.codespace, late.code) == ("sdk", 30)
    (in_time,) = zone.block(sign(admit("a-1"), timeout_height=3))
    assert in_time.code == 0


def test_block_gas_bounds_a_proposal_and_a_block() -> None:
    zone = Zone(block_gas_max=2_500_000)
    txs = [sign(admit(f"a-{n}"), sequence=n) for n in range(4)]
    assert zone.app.prepare_proposal(txs, 1_000_000) == txs[:2]
    assert zone.app.process_proposal(txs[:2])
    assert not zone.app.process_proposal(txs)
    results = zone.block(*txs)
    assert [result.code for result in results] == [0, 0, 11, 11]


def test_proposal_keeps_within_its_bytes() -> None:
    zone = Zone()
    txs = [sign(admit(f"a-{n}"), sequence=n) for n in range(4)]
    room = encoded_size(txs[0]) + encoded_size(txs[1])
    assert zone.app.prepare_proposal(txs, room) == txs[:2]
    assert zone.app.prepare_proposal(txs, room - 1) == txs[:1]
    assert not zone.app.process_proposal([b"garbage"])


def test_check_state_follows_the_sequences_of_what_waits() -> None:
    zone = Zone()
    first, second = sign(admit("a-1")), sign(admit("a-2"), sequence=1)
    assert zone.app.check_tx(second).code == 32
    assert zone.app.check_tx(first).code == 0
    assert zone.app.check_tx(second).code == 0
    zone.block(first)
    assert zone.app.check_tx(first).code == 32
    assert zone.app.check_tx(second).code == 0


def test_finalize_may_be_repeated_before_commit() -> None:
    zone = Zone()
    request = zone.request(sign(admit("a-1")))
    assert zone.app.finalize_block(request) == zone.app.finalize_block(request)
    other = zone.app.finalize_block(zone.request())
    zone.app.commit()
    assert zone.app.info().last_block_app_hash == other.app_hash
    assert admitted(zone) == []


def test_uncommitted_genesis_is_read_again_after_a_restart() -> None:
    zone = Zone()
    zone.app.finalize_block(zone.request())
    reopened = zone.open()
    assert reopened.info().last_block_height == 0


def test_blocks_out_of_order_break_an_invariant() -> None:
    zone = Zone()
    zone.block()
    with pytest.raises(InvariantBrokenError):
        zone.app.finalize_block(
            BlockRequest(
                height=7,
                time_ns=START_NS,
                header_hash=bytes(32),
                proposer_address=bytes(20),
                next_validators_hash=bytes(32),
                txs=(),
            )
        )


def test_simulation_tells_gas_and_changes_nothing() -> None:
    zone = Zone()
    zone.block()
    unsigned = sign(admit("a-1"))
    told = zone.app.simulate(unsigned)
    (done,) = zone.block(unsigned)
    assert told.code == 0, told.log
    assert told.gas_used == done.gas_used
    assert admitted(zone) == ["a-1"]


def test_simulation_reports_a_sequence_mismatch_in_the_words_that_relayers_read() -> (
    None
):
    zone = Zone()
    zone.block()
    request = service_pb2.SimulateRequest(tx_bytes=sign(admit("a-1"), sequence=4))
    answer = zone.app.query(
        "/cosmos.tx.v1beta1.Service/Simulate", request.SerializeToString(), 0, False
    )
    assert answer.code == 32
    assert (
        "account sequence mismatch, expected 0, got 4: incorrect account sequence"
        in answer.log
    )


@pytest.mark.parametrize(
    ("path", "data", "height", "expected"),
    [
        ("/no.such.Query/Thing", b"", 0, ("sdk", 6)),
        ("store/nowhere/key", b"k", 0, ("store", 4)),
        ("store/members/key", b"", 0, ("sdk", 18)),
        ("/huitong.members.v1.Query/Member", b"\xff", 0, ("codec", 2)),
        ("store/members/key", b"k", -1, ("sdk", 18)),
    ],
)
def test_bad_query_is_answered_with_its_code(
    path: str, data: bytes, height: int, expected: tuple[str, int]
) -> None:
    zone = Zone()
    zone.block()
    answer = zone.app.query(path, data, height, False)
    assert (answer.codespace, answer.code) == expected, answer.log


def test_future_and_pruned_heights_are_refused() -> None:
    zone = Zone()
    zone.block()
    assert zone.app.query("store/members/key", b"k", 99, False).code != 0


@pytest.mark.parametrize("height", [1, 99])
def test_proof_of_a_version_that_is_not_kept_is_refused_in_the_words_of_peers(
    height: int,
) -> None:
    zone = Zone(versions_kept=2)
    for _ in range(6):
        zone.block()
    answer = zone.app.query("store/members/key", b"k", height, True)
    assert (answer.codespace, answer.code) == ("store", 7)
    words = "proof is unexpectedly empty; ensure height has not been pruned"
    assert answer.log.startswith(words)


def test_genesis_of_another_chain_or_module_is_refused() -> None:
    zone = Zone()
    good = genesis()
    for changes in ({"chain_id": "other-1"}, {"app_state": {"nonsense": {}}}):
        fields = {name: getattr(good, name) for name in good.__slots__} | changes
        with pytest.raises(Exception, match="genesis"):
            zone.app.init_chain(GenesisRequest(**fields))


@pytest.mark.parametrize("state", [None, "", "x", [], [1], 7, True])
def test_genesis_state_of_a_module_must_be_an_object(state: Any) -> None:
    zone = Zone()
    good = genesis()
    fields = {name: getattr(good, name) for name in good.__slots__}
    fields["app_state"] = {"members": state}
    with pytest.raises(InvalidRequestError, match="members"):
        zone.app.init_chain(GenesisRequest(**fields))


def test_export_and_import_are_equal() -> None:
    zone = Zone()
    zone.block(sign(admit("a-1")), sign(admit("a-2"), sequence=1))
    exported = zone.app.export_genesis()
    other = Zone()
    fields = {name: getattr(genesis(), name) for name in genesis().__slots__}
    other.app.init_chain(GenesisRequest(**(fields | {"app_state": exported})))
    other.block()
    assert other.app.export_genesis() == exported
