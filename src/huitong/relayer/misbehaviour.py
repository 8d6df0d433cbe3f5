"""Watching what others show to a light client, and proving a lie.

A client believes any header that enough of its trusted validators signed. Should they
sign two, nobody but an onlooker who knows the real chain can tell. So every header that a
client was taught is compared with the chain's own of that height; where they differ, or
where a header lies higher and yet not later than a real one, both go to the client as
misbehaviour, which freezes it, and the lie goes to the chain itself as evidence against
those who signed it.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError

from huitong.client import QueryError, RpcError, TransactionFailedError, TxSeen
from huitong.client.rpc import Call
from huitong.client.searching import search_txs
from huitong.core.codec import pack_any, unpack_any
from huitong.core.errors import HuitongError
from huitong.light.tendermint.client_message import (
    Header,
    Misbehaviour,
    client_message_from_any,
    client_message_to_any,
)
from huitong.light.tendermint.consensus_state import (
    consensus_state_from_any,
    consensus_state_of,
)
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.rpc_json import header_from_json
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.google.protobuf import any_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_query_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.relayer import evidence, messages
from huitong.relayer.discovery import get_client_state
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.packet_events import ClientUpdated, read_relay_events
from huitong.relayer.plan import Head

log = structlog.get_logger("relayer")

#: Headers that wait to be compared; more are dropped, oldest first: an honest chain's
#: clients learn a few in each block.
HEADERS_WAITING_MAX: Final = 1_000
#: Consensus states of a client that are looked at when the watch begins.
STATES_LOOKED_AT: Final = 100
_CONSENSUS_STATES: Final = "/ibc.core.client.v1.Query/ConsensusStates"


class HeaderWatch:
    """Compares what one client is shown with the chain that it follows."""

    def __init__(self, on: Endpoint, of: Endpoint, client_id: str) -> None:
        """Prepare; nothing is asked yet.

        Args:
            on: the zone with the client.
            of: the zone that the client follows, through a node that is trusted here.
            client_id: the client.
        """
        self._on = on
        self._of = of
        self._client_id = client_id
        self._waiting: deque[Header] = deque(maxlen=HEADERS_WAITING_MAX)
        self.found = 0
        """Misbehaviours found since the start."""

    def take(self, told: ClientUpdated) -> None:
        """Take in that a client was taught a header."""
        if told.client_id == self._client_id and told.header:
            self._take_message(_message_of_hex(told.header))

    def take_tx(self, tx: TxSeen) -> None:
        """Take in the updates of a transaction, for chains that do not tell headers."""
        for message in _updates_in(tx):
            if message.client_id == self._client_id:
                self._take_message(message.client_message)

    def _take_message(self, message: any_pb2.Any | None) -> None:
        if message is None or self._of.headers.has_given(message):
            return
        try:
            shown = client_message_from_any(message)
        except (HuitongError, DecodeError):
            return  # of another kind of client
        if isinstance(shown, Header):
            self._waiting.append(shown)

    async def look_back(self) -> None:
        """Compare what the client knows already.

        Raises:
            UnavailableError: a node does not answer.
        """
        request = client_query_pb2.QueryConsensusStatesRequest(
            client_id=self._client_id,
            pagination=pagination_pb2.PageRequest(limit=STATES_LOOKED_AT, reverse=True),
        )
        answer = await self._on.client.query(
            _CONSENSUS_STATES, request, client_query_pb2.QueryConsensusStatesResponse
        )
        states = {
            known.height.revision_height: known.consensus_state
            for known in answer.consensus_states
        }
        calls: list[Call] = [("header", {"height": str(height)}) for height in states]
        told = await self._of.client.rpc.call_many(calls)
        for (height, packed), header in zip(states.items(), told, strict=True):
            # An error means that the node has forgotten the header.
            if not isinstance(header, RpcError) and self._is_false(packed, header):
                await self._find_message(self._of.revision, height)

    def _is_false(self, packed: any_pb2.Any, told: Any) -> bool:
        try:
            known = consensus_state_from_any(packed)
        except (HuitongError, DecodeError):
            return False  # of another kind of client
        with self._of.client.rpc.reading("header"):
            return known != consensus_state_of(header_from_json(told["header"]))

    async def _find_message(self, revision: int, height: int) -> None:
        """Find the header by which the client learned a height."""
        query = (
            f"update_client.client_id = '{self._client_id}' AND "
            f"update_client.consensus_height = '{revision}-{height}'"
        )
        (found,) = await search_txs(self._on.client.rpc, [query], per_page=10)
        for outcome in found:
            events = [
                {
                    "type": told.kind,
                    "attributes": [{"key": k, "value": v} for k, v in told.attributes],
                }
                for told in outcome.events
            ]
            for told in read_relay_events(events):
                if isinstance(told, ClientUpdated):
                    self.take(told)

    async def compare(self) -> bool:
        """Compare the headers that wait; return whether misbehaviour was found.

        A header above the chain's newest waits for the chain.

        Raises:
            UnavailableError: a node does not answer; nothing is lost.
        """
        if not self._waiting:
            return False
        head = await self._of.head()
        for _ in range(len(self._waiting)):
            shown = self._waiting[0]
            height = shown.signed_header.header.height
            real_height = min(height, head.height)
            if height > head.height and not _is_contradicted(shown, head):
                self._waiting.rotate(-1)  # it may become true yet
                continue
            real = await self._of.headers.signed_header(real_height)
            is_true = header_hash(real.header) == header_hash(
                shown.signed_header.header
            )
            if not is_true:
                self.found += 1
                await self._prove(shown, real_height)
            self._waiting.popleft()
            if not is_true:
                return True
        return False

    async def _prove(self, shown: Header, real_height: int) -> None:
        log.error(
            "misbehaviour_found",
            chain=self._of.chain_id,
            client=self._client_id,
            on=self._on.chain_id,
            height=shown.signed_header.header.height,
        )
        results = await asyncio.gather(
            self._freeze(shown, real_height),
            evidence.submit(self._of, shown),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _freeze(self, shown: Header, real_height: int) -> None:
        """Show both headers to the client."""

        async def get_trust_level() -> TrustLevel:
            state = await get_client_state(self._on.client, self._client_id)
            return state.trust_level

        signer = self._on.sender.address
        *steps, last = await self._of.headers.client_messages(
            real_height, shown.trusted_height.revision_height, get_trust_level
        )
        real = client_message_from_any(last)
        if not isinstance(real, Header):
            raise AssertionError  # a header source gives headers
        # ibc-go up to v8 asks for the client's id in here as well.
        both = Misbehaviour(client_id=self._client_id, header_1=shown, header_2=real)
        proof = client_message_to_any(both)
        updates = [
            messages.update_client(
                client_id=self._client_id, client_message=step, signer=signer
            )
            for step in steps
        ]
        submit = client_tx_pb2.MsgSubmitMisbehaviour(
            client_id=self._client_id, misbehaviour=proof, signer=signer
        )
        try:
            outcome = await self._on.send(
                *(unpack_any(each, client_tx_pb2.MsgUpdateClient) for each in updates),
                submit,
            )
        except (TransactionFailedError, QueryError) as refusal:
            # Somebody else may have frozen it; the next reading of the client shows.
            log.warning(
                "misbehaviour_refused",
                client=self._client_id,
                on=self._on.chain_id,
                reason=str(refusal),
            )
        else:
            log.error(
                "misbehaviour_submitted",
                client=self._client_id,
                on=self._on.chain_id,
                tx=outcome.hash,
            )


def _is_contradicted(shown: Header, head: Head) -> bool:
    """Whether a higher header lies although it is not later than the newest real one."""
    return (
        shown.signed_header.header.time_ns <= head.time_ns
        and shown.trusted_height.revision_height < head.height
    )


def _message_of_hex(text: str) -> any_pb2.Any | None:
    try:
        return any_pb2.Any.FromString(bytes.fromhex(text))
    except (ValueError, DecodeError):
        return None


def _updates_in(tx: TxSeen) -> Iterator[client_tx_pb2.MsgUpdateClient]:
    wanted = pack_any(client_tx_pb2.MsgUpdateClient()).type_url
    try:
        raw = tx_pb2.TxRaw.FromString(base64.b64decode(tx.raw))
        for message in tx_pb2.TxBody.FromString(raw.body_bytes).messages:
            if message.type_url == wanted:
                yield client_tx_pb2.MsgUpdateClient.FromString(message.value)
    except (ValueError, DecodeError):
        return
