"""Transactions that both engines get: every message, done and refused.

Steps of one group do not depend on one another's block; groups follow one another.
"""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core import secp256k1
from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.codec import pack_any
from huitong.core.gogoproto import with_required
from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND
from huitong.light.tendermint.client_message import client_message_to_any
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.modules.grants.statements import (
    consent_statement,
    pseudonym_of,
    withdrawal_statement,
)
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.transfer.v1 import transfer_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from huitong.testing.embedded import EmbeddedZone
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators
from tests.conformance.nodes import CHAIN_ID, Node

#: The moment that both engines' scripts are about: they run within one process.
NOW_NS: Final = time.time_ns() // NS_PER_SECOND * NS_PER_SECOND
NOW_S: Final = NOW_NS // NS_PER_SECOND
OK: Final = ("", 0)
#: Attributes that say when: two engines make their blocks at different times.
_FROM_BLOCK_TIME: Final = {("proposal_submitted", "deadline")}


@dataclass(frozen=True)
class Step:
    """One transaction and the code that it has to come to."""

    name: str
    sender: str
    messages: tuple[Message, ...]
    checked: tuple[str, int] = OK
    """Codespace and code of CheckTx."""
    done: tuple[str, int] | None = OK
    """Codespace and code in the block, if it comes there; None: any refusal will do."""
    gas_limit: int = 400_000


@dataclass
class Outcome:
    """What became of one transaction."""

    step: Step
    checked: Any
    """What ``broadcast_tx_sync`` told."""
    tx: Any = None
    """What ``tx`` told; None if it was refused by CheckTx."""

    @property
    def codes(self) -> list[tuple[str, int]]:
        """Codespace and code of CheckTx, and in the block if it came there."""
        told = [self.checked] if self.tx is None else [self.checked, self.result]
        return [(item["codespace"], item["code"]) for item in told]

    @property
    def result(self) -> Any:
        """The result in the block, without what follows from the time of the block."""
        events = [
            {
                **event,
                "attributes": [
                    pair
                    for pair in event["attributes"]
                    if (event["type"], pair["key"]) not in _FROM_BLOCK_TIME
                ],
            }
            for event in self.tx["tx_result"]["events"]
        ]
        return {**self.tx["tx_result"], "events": events}


def run_script(node: Node) -> list[Outcome]:
    """Send everything, group by group, and return what became of it."""
    outcomes: list[Outcome] = []
    for group in Script(node.zone).groups():
        sent = [
            Outcome(
                step,
                node.broadcast(step.sender, *step.messages, gas_limit=step.gas_limit),
            )
            for step in group
        ]
        for outcome in sent:
            if outcome.checked["code"] == 0:
                outcome.tx = node.wait_tx(outcome.checked["hash"])
        outcomes += sent
    return outcomes


@dataclass
class Script:
    """The steps for one zone."""

    zone: EmbeddedZone
    other: SimChain = field(init=False)

    def __post_init__(self) -> None:
        self.other = SimChain(
            "other-1",
            make_validators([1, 1, 1, 1]),
            time_ns=NOW_NS - 60 * NS_PER_SECOND,
        )
        self.other.advance(8)

    def groups(self) -> list[list[Step]]:
        """Return all groups, in order."""
        return [
            self._records(),
            self._changes(),
            self._members(),
            self._clients(),
            self._links(),
            self._packets(),
            self._transfers(),
            self._facts(),
            self._sweep(),
            [Step("one more block", "tax", (self.record("Y"),))],
            [Step("and its proof", "tax", (self.record("Z"),))],
        ]

    def signer(self, name: str) -> str:
        return self.zone.address(name)

    # --- records, grants, consents ----------------------------------------------------

    def record(self, record_id: str, by: str = "tax") -> Message:
        return records_pb2.MsgPublishRecord(
            signer=self.signer(by),
            record_id=record_id,
            record_type="invoice",
            payload_digest=sha256(record_id.encode()),
            fields=["amount", "date"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )

    def version(self, record_id: str, previous: int) -> Message:
        return records_pb2.MsgPublishVersion(
            signer=self.signer("tax"),
            record_id=record_id,
            previous_version=previous,
            payload_digest=sha256(b"again"),
            fields=["amount"],
        )

    def _records(self) -> list[Step]:
        status = records_pb2.MsgSetRecordStatus(
            signer=self.signer("tax"), record_id="A", status=2, reason="cancelled"
        )
        grant: dict[str, Any] = {
            "signer": self.signer("tax"),
            "reader": grants_pb2.Reader(channel_id="channel-0", member_id="bank"),
            "record_id": "B",
            "purpose": "receivable-financing",
            "fields": ["amount"],
            "valid_from": NOW_S - 60,
            "valid_until": NOW_S + 6_000,
            "count_max": 2,
        }
        return [
            Step("a record", "tax", (self.record("A"),)),
            Step("two records", "tax", (self.record("B"), self.record("C"))),
            Step(
                "the same record again",
                "tax",
                (self.record("A"),),
                done=("records", 3),
            ),
            Step(
                "all or nothing",
                "tax",
                (self.record("D"), self.record("A")),
                done=("records", 3),
            ),
            Step(
                "more work than gas",
                "tax",
                (self.record("E"),),
                done=("sdk", 11),
                gas_limit=24_000,
            ),
            Step("another publisher's", "road", (self.record("A", "road"),)),
            Step("a version", "tax", (self.version("A", 1),)),
            Step(
                "a stale version", "tax", (self.version("A", 1),), done=("records", 4)
            ),
            Step("a status", "tax", (status,)),
            Step("a grant", "tax", (grants_pb2.MsgGrant(**grant),)),
            Step(
                "a grant of nothing",
                "tax",
                (grants_pb2.MsgGrant(**{**grant, "record_id": "Z"}),),
                done=("records", 2),
            ),
        ]

    def signed_consent(self, by: str) -> grants_pb2.MsgSubmitConsent:
        consent = grants_pb2.MsgSubmitConsent(
            signer=self.signer(by),
            recorder="hz-tax",
            subject=_PSEUDONYM,
            reader=grants_pb2.Reader(channel_id="channel-0", member_id="bank"),
            purpose="receivable-financing",
            signed_time=NOW_S,
        )
        statement = consent_statement(CHAIN_ID, consent)
        consent.signature.CopyFrom(_signed(statement))
        return consent

    def _changes(self) -> list[Step]:
        consent = grants_pb2.MsgRecordConsent(
            signer=self.signer("tax"),
            subject=sha256(b"person"),
            reader=grants_pb2.Reader(channel_id="channel-0", member_id="bank"),
            purpose="receivable-financing",
            fields=["amount"],
            valid_from=NOW_S - 60,
            valid_until=NOW_S + 6_000,
            evidence_digest=sha256(b"paper"),
        )
        signer = self.signer("tax")
        signed = self.signed_consent("road")
        again = self.signed_consent("tax")
        back = grants_pb2.MsgSubmitWithdrawal(
            signer=self.signer("relayer"), consent_id=2, reason="x", signed_time=NOW_S
        )
        statement = withdrawal_statement(CHAIN_ID, 2, "x", NOW_S)
        back.signature.CopyFrom(_signed(statement))
        policy = policies_pb2.MsgSetPolicy(
            signer=signer, record_type="invoice", grade_min="signed"
        )
        return [
            Step("a consent", "tax", (consent,)),
            Step("a signed consent", "road", (signed,)),
            Step("the same statement", "tax", (again,), done=("grants", 16)),
            Step("a signed withdrawal", "relayer", (back,)),
            Step(
                "a policy past the vote",
                "tax",
                (policy,),
                checked=("governance", 2),
            ),
            Step(
                "a consent back",
                "tax",
                (grants_pb2.MsgWithdrawConsent(signer=signer, consent_id=1),),
            ),
            Step(
                "a grant back",
                "tax",
                (grants_pb2.MsgWithdrawGrant(signer=signer, grant_id=1, reason="x"),),
            ),
            Step(
                "a role that is missing",
                "nobody",
                (self.record("N", "nobody"),),
                checked=("sdk", 4),
            ),
            Step(
                "in another's name",
                "tax",
                (self.record("N", "road"),),
                checked=("sdk", 4),
            ),
            Step(
                "two signers",
                "tax",
                (self.record("N"), self.record("N", "road")),
                checked=("sdk", 4),
            ),
            Step(
                "more gas than a block has",
                "tax",
                (self.record("N"),),
                checked=("sdk", 11),
                gas_limit=10**12,
            ),
        ]

    # --- members and votes ------------------------------------------------------------

    def _members(self) -> list[Step]:
        signer = self.signer("tax")
        freeze: dict[str, Any] = {
            "signer": self.signer("regulator"),
            "member_id": "hz-road",
            "kind": members_pb2.FREEZE_KIND_REGULATOR,
            "reason": "audit",
        }
        admit = members_pb2.MsgAdmitMember(
            signer=GOVERNANCE_ADDRESS, member_id="hz-court", name="Court"
        )
        proposal = governance_pb2.MsgSubmitProposal(
            signer=signer,
            title="the court",
            reason="it asks",
            messages=[pack_any(admit)],
        )
        vote = governance_pb2.MsgVote(
            signer=signer, proposal_id=7, option=1, reason="x"
        )
        return [
            Step("a freeze", "regulator", (members_pb2.MsgFreezeMember(**freeze),)),
            Step(
                "the same freeze",
                "regulator",
                (members_pb2.MsgFreezeMember(**freeze),),
                done=("members", 18),
            ),
            Step(
                "its end",
                "regulator",
                (members_pb2.MsgUnfreezeMember(**freeze),),
            ),
            Step("a proposal", "tax", (proposal,)),
            Step("a vote on nothing", "tax", (vote,), done=("governance", 3)),
            Step(
                "past the vote",
                "operator",
                (
                    members_pb2.MsgAdmitMember(
                        signer=self.signer("operator"), member_id="x", name="x"
                    ),
                ),
                checked=("governance", 2),
            ),
        ]

    # --- links ------------------------------------------------------------------------

    def _clients(self) -> list[Step]:
        return [
            Step(
                "a client",
                "relayer",
                (
                    client_tx_pb2.MsgCreateClient(
                        client_state=client_state_to_any(self.other.client_state(3)),
                        consensus_state=consensus_state_to_any(
                            self.other.consensus_state(3)
                        ),
                        signer=self.signer("relayer"),
                    ),
                ),
            ),
        ]

    def update(self, height: int, trusted: int) -> Message:
        header = self.other.client_header(height, trusted_height=trusted)
        return client_tx_pb2.MsgUpdateClient(
            client_id="07-tendermint-0",
            client_message=client_message_to_any(header),
            signer=self.signer("relayer"),
        )

    def _links(self) -> list[Step]:
        signer = self.signer("relayer")
        init = connection_tx_pb2.MsgConnectionOpenInit(
            client_id="07-tendermint-0",
            counterparty=connection_pb2.Counterparty(client_id="07-tendermint-5"),
            signer=signer,
        )
        init.counterparty.prefix.key_prefix = b"ibc"
        channel = channel_tx_pb2.MsgChannelOpenInit(port_id="exchange", signer=signer)
        channel.channel.state = channel_pb2.STATE_INIT
        channel.channel.ordering = channel_pb2.ORDER_UNORDERED
        channel.channel.counterparty.port_id = "exchange"
        channel.channel.connection_hops.append("connection-7")
        return [
            Step("a header", "relayer", (self.update(5, 3),)),
            Step(
                "a header from nowhere",
                "relayer",
                (self.update(6, 4),),
                done=("client", 7),
            ),
            Step("a connection", "relayer", (init,)),
            Step(
                "a channel over nothing",
                "relayer",
                (channel,),
                done=("connection", 3),
            ),
        ]

    def _packets(self) -> list[Step]:
        signer = self.signer("relayer")
        packet = channel_pb2.Packet(
            sequence=1,
            source_port="exchange",
            source_channel="channel-0",
            destination_port="exchange",
            destination_channel="channel-0",
            data=b"x",
            timeout_timestamp=NOW_NS,
        )
        packet.timeout_height.SetInParent()
        received = channel_tx_pb2.MsgRecvPacket(
            packet=packet, proof_commitment=b"proof", signer=signer
        )
        received.proof_height.revision_height = 5
        known = channel_tx_pb2.MsgAcknowledgement(
            packet=packet, acknowledgement=b"x", proof_acked=b"proof", signer=signer
        )
        known.proof_height.revision_height = 5
        return [
            Step(
                "a header that is known",
                "relayer",
                (self.update(5, 3),),
                checked=("channel", 22),
            ),
            Step(
                "a packet without a channel",
                "relayer",
                (received,),
                done=("channel", 3),
            ),
            Step(
                "an acknowledgement of nothing",
                "relayer",
                (known,),
                checked=("channel", 22),
            ),
        ]

    # --- claims -----------------------------------------------------------------------

    def _transfers(self) -> list[Step]:
        signer = self.signer("tax")
        sent: dict[str, Any] = {
            "source_port": "transfer",
            "source_channel": "channel-0",
            "token": Coin(denom="ibc/" + "0" * 64, amount="1"),
            "sender": signer,
            "receiver": "cosmos1rich",
            "timeout_timestamp": NOW_NS + 3_600 * NS_PER_SECOND,
        }
        none = {**sent, "token": Coin(denom="ibc/" + "0" * 64, amount="0")}
        rules = transfer_pb2.MsgUpdateParams(
            signer=signer, params=transfer_pb2.Params(allow_any_client=True)
        )
        return [
            Step(
                "a transfer without a channel",
                "tax",
                (transfer_tx_pb2.MsgTransfer(**sent),),
                done=("channel", 3),
            ),
            Step(
                "a transfer of nothing",
                "tax",
                (transfer_tx_pb2.MsgTransfer(**none),),
                checked=("ibc", 3),
            ),
            Step(
                "a transfer in another's name",
                "road",
                (transfer_tx_pb2.MsgTransfer(**sent),),
                checked=("sdk", 4),
            ),
            Step(
                "rules of transfers past the vote",
                "tax",
                (rules,),
                checked=("governance", 2),
            ),
        ]

    # --- facts and anchors ------------------------------------------------------------

    def _facts(self) -> list[Step]:
        signer = self.signer("tax")
        fact: dict[str, Any] = {
            "signer": signer,
            "source": "07-tendermint-0",
            "store": "records",
            "key": b"\x01tax/inv-1",
            "value": b"value",
            "proof": b"proof",
        }
        unproven = facts_pb2.MsgImportFact(**fact)
        unproven.proof_height.revision_number = 1
        unproven.proof_height.revision_height = 5
        nowhere = facts_pb2.MsgImportFact(**{**fact, "source": "connection-9"})
        anchor: dict[str, Any] = {
            "signer": signer,
            "kind": anchors_pb2.ANCHOR_KIND_ACCESS_LOG,
            "stream": "reads",
            "sequence": 1,
            "root": sha256(b"lines"),
            "count": 3,
            "first_time": NOW_NS - 2,
            "last_time": NOW_NS - 1,
        }
        again = anchors_pb2.MsgAnchor(**anchor)
        return [
            Step("a fact of nobody", "tax", (nowhere,), done=("connection", 3)),
            Step(
                "a fact that is not proven", "tax", (unproven,), done=("commitment", 2)
            ),
            Step(
                "a refresh of nothing",
                "tax",
                (
                    facts_pb2.MsgRefreshFact(
                        signer=signer, fact_id=bytes(32), value=b"x", proof=b"x"
                    ),
                ),
                done=("facts", 2),
            ),
            Step("an anchor", "tax", (anchors_pb2.MsgAnchor(**anchor),)),
            Step("the same anchor", "tax", (again,), done=("anchors", 3)),
            Step(
                "an anchor of no member",
                "relayer",
                (
                    anchors_pb2.MsgAnchor(
                        **{**anchor, "signer": self.signer("relayer")}
                    ),
                ),
                done=("members", 8),
            ),
        ]

    # --- every message with nothing in it ---------------------------------------------

    def _sweep(self) -> list[Step]:
        steps = []
        for type_url, route in self.zone.app.routes.items():
            sender = _SENDERS.get(route.roles[0] if route.roles else "", "tax")
            named = "signer" if "signer" in _names(route.request) else "sender"
            message = route.request(**{named: self.signer(sender)})
            steps.append(Step(type_url, sender, (with_required(message),), done=None))
        return steps


_SUBJECT_SECRET: Final = sha256(b"a person's key")
_SUBJECT_KEY: Final = secp256k1.public_key_of_private_key(_SUBJECT_SECRET)
_SALT: Final = sha256(b"salt")
_PSEUDONYM: Final = pseudonym_of(
    _SALT, grants_pb2.SUBJECT_KEY_KIND_SECP256K1, _SUBJECT_KEY
)


def _signed(statement: bytes) -> grants_pb2.SubjectSignature:
    return grants_pb2.SubjectSignature(
        kind=grants_pb2.SUBJECT_KEY_KIND_SECP256K1,
        public_key=_SUBJECT_KEY,
        salt=_SALT,
        signature=secp256k1.sign(_SUBJECT_SECRET, statement),
    )


_SENDERS: Final = {
    "delegate": "road",
    "officer": "tax",
    "operator": "operator",
    "relayer": "relayer",
    "requester": "tax",
}


def _names(kind: type[Message]) -> Container[str]:
    return kind.DESCRIPTOR.fields_by_name
