"""Links inside an application: signed transactions, roles, events, CheckTx, queries."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.abci import BlockRequest, GenesisRequest, TxResult
from huitong.core.address import address_of_public_key
from huitong.core.app import Application
from huitong.core.codec import encode, pack_any
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.tx import build_transaction
from huitong.light.tendermint.client_message import client_message_to_any
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.modules import links, members
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.proto.ibc.core.client.v1 import client_pb2, query_pb2, tx_pb2
from huitong.testing.headers import GENESIS_TIME_NS, SimChain
from huitong.testing.validators import make_validators

CHAIN = "chongqing-1"
NAMES = ("operator", "relayer", "stranger")
KEYS = {name: sha256(name.encode()) for name in NAMES}
ADDRESSES = {
    name: address_of_public_key(public_key_of_private_key(key))
    for name, key in KEYS.items()
}


class AppZone:
    """An application with members and links, and another chain to follow."""

    def __init__(self) -> None:
        state = MultiStore(
            MemoryBackend(), ["consensus", "ibc", "members"], versions_kept=100
        )
        self.app = Application(
            chain_id=CHAIN,
            modules=[members.MODULE, links.MODULE],
            authenticator=MemberAuthenticator(),
            consensus=ZoneConsensus(),
            ports={},
            state=state,
        )
        accounts = [
            {"address": ADDRESSES[name], "roles": [name] if name != "stranger" else []}
            for name in NAMES
        ]
        self.app.init_chain(
            GenesisRequest(
                chain_id=CHAIN,
                time_ns=GENESIS_TIME_NS,
                initial_height=1,
                validators=(),
                app_state={"members": {"members": [], "accounts": accounts}},
                block_gas_max=100_000_000,
                block_bytes_max=1_000_000,
            )
        )
        self.other = SimChain("hangzhou-1", make_validators([1, 1, 1, 1]))
        self.other.advance(5)
        self.sequences = dict.fromkeys(NAMES, 0)
        self.height = 0
        self.block()

    def sign(self, name: str, *messages: Message) -> bytes:
        return build_transaction(
            [pack_any(message) for message in messages],
            private_key=KEYS[name],
            chain_id=CHAIN,
            account_number=NAMES.index(name),
            sequence=self.sequences[name],
            gas_limit=2_000_000,
        )

    def block(self, *txs: bytes) -> tuple[TxResult, ...]:
        self.height += 1
        done = self.app.finalize_block(
            BlockRequest(
                height=self.height,
                time_ns=GENESIS_TIME_NS + self.height * 10**9,
                header_hash=sha256(b"%d" % self.height),
                proposer_address=bytes(20),
                next_validators_hash=bytes(32),
                txs=txs,
            )
        )
        self.app.commit()
        self.app.reset_check_state()
        return done.tx_results

    def run(self, name: str, *messages: Message) -> TxResult:
        (result,) = self.block(self.sign(name, *messages))
        self.sequences[name] += 1
        return result

    def create(self, name: str) -> tx_pb2.MsgCreateClient:
        return tx_pb2.MsgCreateClient(
            client_state=client_state_to_any(self.other.client_state(2)),
            consensus_state=consensus_state_to_any(self.other.consensus_state(2)),
            signer=ADDRESSES[name],
        )

    def update(self, name: str, height: int) -> tx_pb2.MsgUpdateClient:
        header = self.other.client_header(height, trusted_height=2)
        return tx_pb2.MsgUpdateClient(
            client_id="07-tendermint-0",
            client_message=client_message_to_any(header),
            signer=ADDRESSES[name],
        )


@pytest.fixture
def zone() -> AppZone:
    return AppZone()


@pytest.mark.parametrize(("name", "code"), [("relayer", 0), ("operator", 0)])
def test_relayers_and_operators_may_relay(zone: AppZone, name: str, code: int) -> None:
    assert zone.run(name, zone.create(name)).code == code


def test_strangers_may_not_relay_and_relayers_may_not_govern(zone: AppZone) -> None:
    result = zone.run("stranger", zone.create("stranger"))
    assert (result.codespace, result.code) == ("sdk", 4)
    governed: Any = tx_pb2.MsgUpdateParams(
        signer=ADDRESSES["relayer"], params=client_pb2.Params(allowed_clients=["*"])
    )
    result = zone.run("relayer", governed)
    assert (result.codespace, result.code) == ("governance", 2)


def test_events_are_numbered_and_follow_the_action(zone: AppZone) -> None:
    zone.run("relayer", zone.create("relayer"))
    result = zone.run("relayer", zone.update("relayer", 4), zone.update("relayer", 5))
    assert result.code == 0, result.log
    told = [event for event in result.events if event.kind != "tx"]
    assert [event.kind for event in told] == [
        "message",
        "update_client",
        "message",
        "message",
        "update_client",
        "message",
    ]
    assert [event.find("msg_index") for event in told] == ["0"] * 3 + ["1"] * 3
    assert told[0].find("action") == "/ibc.core.client.v1.MsgUpdateClient"
    assert told[0].find("sender") == ADDRESSES["relayer"]
    assert told[2].find("module") == "ibc_client"


def test_transaction_without_effect_is_kept_out_of_blocks(zone: AppZone) -> None:
    zone.run("relayer", zone.create("relayer"))
    assert zone.app.check_tx(zone.sign("relayer", zone.update("relayer", 4))).code == 0
    zone.run("relayer", zone.update("relayer", 4))
    refused = zone.app.check_tx(zone.sign("relayer", zone.update("relayer", 4)))
    assert (refused.codespace, refused.code) == ("channel", 22)
    assert refused.log == "packet messages are redundant"
    both = zone.sign("relayer", zone.update("relayer", 4), zone.update("relayer", 5))
    assert zone.app.check_tx(both).code == 0


def test_failed_message_undoes_the_ones_before_it(zone: AppZone) -> None:
    zone.run("relayer", zone.create("relayer"))
    wrong = zone.update("relayer", 5)
    wrong.client_id = "07-tendermint-9"
    result = zone.run("relayer", zone.update("relayer", 4), wrong)
    assert (result.codespace, result.code) == ("client", 4)
    answer = zone.app.query(
        "store/ibc/key", b"clients/07-tendermint-0/consensusStates/1-4", 0, True
    )
    assert answer.value == b""
    assert [op.type for op in answer.proof_ops] == ["ics23:iavl", "ics23:simple"]


def test_absent_client_is_told_as_cosmjs_expects(zone: AppZone) -> None:
    request = query_pb2.QueryClientStateRequest(client_id="07-tendermint-999")
    path = "/ibc.core.client.v1.Query/ClientState"
    answer = zone.app.query(path, encode(request), 0, False)
    assert (answer.codespace, answer.code) == ("sdk", 22)
    assert answer.log == (
        "rpc error: code = NotFound desc = 07-tendermint-999: "
        "light client not found: key not found"
    )
