"""A zone of four organisations that decide, as an application and in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from huitong.client.voting import proposal_of
from huitong.core.abci import (
    BlockRequest,
    FinalizedBlock,
    GenesisRequest,
    TxResult,
    ValidatorUpdate,
)
from huitong.core.address import address_of_public_key
from huitong.core.app import Application
from huitong.core.codec import decode, pack_any
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.tx import build_transaction
from huitong.modules.zone import STORE_NAMES, build_application
from huitong.proto.cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

CHAIN = "hangzhou-1"
START_NS = 1_700_000_000_000_000_000
VOTING_PERIOD_S = 1_000
YES, NO, ABSTAIN = pb.VOTE_OPTION_YES, pb.VOTE_OPTION_NO, pb.VOTE_OPTION_ABSTAIN
#: Short name → member and roles. "watch" is a member without a vote.
ACCOUNTS: dict[str, tuple[str, str]] = {
    "bank": ("bank", "delegate"),
    "court": ("court", "delegate"),
    "port": ("port", "delegate"),
    "tax": ("tax", "delegate"),
    "tax-2": ("tax", "delegate"),
    "clerk": ("tax", "officer publisher requester"),
    "bank-operator": ("bank", "operator"),
    "operator": ("", "operator"),
    "regulator": ("", "regulator"),
    "relayer": ("", "relayer"),
    "watch": ("watch", "publisher"),
}
VOTERS = ("bank", "court", "port", "tax")


def key_of(name: str) -> bytes:
    """Return the private key of a short name."""
    return sha256(name.encode())


def address(name: str) -> str:
    """Return the address of a short name."""
    return address_of_public_key(public_key_of_private_key(key_of(name)))


def app_state(**params: Any) -> dict[str, Any]:
    """Return the genesis state of the zone."""
    member_ids = sorted({member_id for member_id, _ in ACCOUNTS.values() if member_id})
    members = [
        {
            "member_id": member_id,
            "name": member_id.title(),
            "roles": ["publisher"] if member_id == "watch" else [],
        }
        for member_id in member_ids
    ]
    accounts = [
        {
            "address": address(name),
            "member_id": member_id,
            "roles": sorted(roles.split()),
        }
        for name, (member_id, roles) in ACCOUNTS.items()
    ]
    rules = {"voting_period_s": str(VOTING_PERIOD_S), **params}
    return {
        "members": {"members": members, "accounts": accounts},
        "governance": {"params": rules},
    }


@dataclass
class Zone:
    """The whole application over memory: signed transactions in blocks."""

    app: Application = field(init=False)
    height: int = 0
    time_ns: int = START_NS
    block: FinalizedBlock = field(init=False)
    sequences: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    """Account numbers by short name."""
    state: dict[str, Any] = field(default_factory=app_state)

    def __post_init__(self) -> None:
        self.numbers = {name: number for number, name in enumerate(ACCOUNTS)}
        store = MultiStore(MemoryBackend(), STORE_NAMES, versions_kept=1_000)
        self.app = build_application(chain_id=CHAIN, state=store)
        self.app.init_chain(
            GenesisRequest(
                chain_id=CHAIN,
                time_ns=START_NS,
                initial_height=1,
                validators=(ValidatorUpdate(public_key=bytes(32), power=10),),
                app_state=self.state,
                block_gas_max=1_000_000_000,
                block_bytes_max=4_000_000,
            )
        )
        self.run()

    def run(self, *txs: bytes, seconds: int = 1) -> tuple[TxResult, ...]:
        """Make the next block and return what its transactions did."""
        self.height += 1
        self.time_ns += seconds * 1_000_000_000
        self.block = self.app.finalize_block(
            BlockRequest(
                height=self.height,
                time_ns=self.time_ns,
                header_hash=sha256(str(self.height).encode()),
                proposer_address=bytes(20),
                next_validators_hash=bytes(32),
                txs=txs,
            )
        )
        self.app.commit()
        self.app.reset_check_state()
        return self.block.tx_results

    def sign(self, name: str, *messages: Message) -> bytes:
        """Return a transaction of the account with this short name."""
        sequence = self.sequences.get(name, 0)
        return build_transaction(
            [pack_any(message) for message in messages],
            private_key=key_of(name),
            chain_id=CHAIN,
            account_number=self.numbers[name],
            sequence=sequence,
            gas_limit=10_000_000,
        )

    def send(self, name: str, message: Message) -> str:
        """Send one message in a block of its own; return ``codespace/code``, or ""."""
        if hasattr(message, "signer") and not message.signer:
            message.signer = address(name)
        (result,) = self.run(self.sign(name, message))
        if result.code == 0:
            self.sequences[name] = self.sequences.get(name, 0) + 1
            self.data = decode(TxMsgData, result.data)
            return ""
        if "sequence" not in result.log and result.codespace != "sdk":
            self.sequences[name] = self.sequences.get(name, 0) + 1
        return f"{result.codespace}/{result.code}"

    def propose(self, *messages: Message, by: str = "tax") -> int:
        """Submit a proposal and return its number."""
        failure = self.send(by, submit(messages, by=by))
        assert failure == "", failure
        response = self.data.msg_responses[0].value
        return decode(pb.MsgSubmitProposalResponse, response).proposal_id

    def vote(self, name: str, number: int, option: pb.VoteOption = YES) -> str:
        """Vote; return ``codespace/code``, or "" if the vote was taken."""
        message = pb.MsgVote(proposal_id=number, option=option, reason="seen")
        return self.send(name, message)

    def vote_all(self, number: int, names: Sequence[str] = VOTERS) -> None:
        """Let these vote yes."""
        for name in names:
            assert self.vote(name, number) == ""

    def deadline(self) -> list[dict[str, str]]:
        """Make a block after the deadline; return the ends of proposals told in it."""
        self.run(seconds=VOTING_PERIOD_S)
        return [
            dict(told.attributes)
            for told in self.block.events
            if told.kind == "proposal_ended"
        ]

    def decide(self, *messages: Message) -> str:
        """Let all vote for messages; return the status at the deadline."""
        number = self.propose(*messages)
        self.vote_all(number)
        (ended,) = [
            item for item in self.deadline() if item["proposal_id"] == str(number)
        ]
        return ended["status"]

    def ask(self, path: str, request: Message, response: type[Message]) -> Any:
        """Answer a query from the newest state."""
        answer = self.app.query(path, request.SerializeToString(), 0, False)
        assert answer.code == 0, answer.log
        return decode(response, answer.value)

    def proposal(self, number: int) -> pb.Proposal:
        """Return a proposal."""
        path = "/huitong.governance.v1.Query/Proposal"
        request = pb.QueryProposalRequest(proposal_id=number)
        answer = self.ask(path, request, pb.QueryProposalResponse)
        found: pb.Proposal = answer.proposal
        return found

    def members(self) -> dict[str, dict[str, Any]]:
        """Return the members as the export has them, by id."""
        exported = self.app.export_genesis()["members"]["members"]
        return {member["member_id"]: member for member in exported}


def submit(
    messages: Sequence[Message],
    *,
    by: str = "tax",
    title: str = "a change",
    reason: str = "it is time",
) -> pb.MsgSubmitProposal:
    """Return the message that proposes messages."""
    return proposal_of(address(by), messages, title=title, reason=reason)
