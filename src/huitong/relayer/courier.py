"""Carrying items to one zone: proofs are fetched, a transaction is built and sent.

One transaction holds a client update, if the client does not know the newest header yet,
and as many packet messages as the limits allow. Transactions are not waited for: the next
is prepared while the previous one is on its way. What becomes of them is seen in the
zone's blocks (``on_block``).
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

import structlog

from huitong.client import (
    BlockSeen,
    ProvenValue,
    TransactionFailedError,
    TxOutcome,
    TxSeen,
)
from huitong.core.errors import MempoolFullError, OutOfGasError, RedundantTxError
from huitong.core.height import Height
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules.links import keys
from huitong.proto.google.protobuf import any_pb2
from huitong.relayer import messages
from huitong.relayer.discovery import get_client_state
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import Side
from huitong.relayer.lane import Lane
from huitong.relayer.plan import Head, Stage
from huitong.relayer.tracker import Item, Tracker

log = structlog.get_logger("relayer")

#: Packet messages in one transaction; also the most proofs that a node gives at once.
ITEMS_PER_TX_MAX: Final = 100
#: Bytes of messages in one transaction.
TX_MESSAGES_BYTES_MAX: Final = 1_000_000
#: Transactions of one link on their way to one zone.
TXS_IN_FLIGHT_MAX: Final = 16
#: Seconds after which a transaction that no block holds is given up.
TX_LIFETIME_S: Final = 20.0
#: Gas asked for: for the transaction and its client update, and for each packet message.
GAS_PER_TX: Final = 400_000
GAS_PER_ITEM: Final = 250_000
#: Gas for each byte of a message.
GAS_PER_BYTE: Final = 20
#: A transaction that ran out of gas is tried again with twice the gas, up to this factor.
GAS_FACTOR_MAX: Final = 8
#: Errors of a transaction whose client update has failed or is still to come.
_TOO_EARLY: Final = frozenset({("client", 7), ("ibc", 9)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """One transaction on its way."""

    items: list[Item]
    """What it does."""
    update_height: int
    """Height that its client update brings; 0 if it has none."""
    sent_s: float
    """When it was handed over, on the event loop's clock."""


class Courier:
    """Carries items of one link to one of its zones."""

    def __init__(
        self, tracker: Tracker, target: Side, zones: dict[Side, Endpoint]
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._tracker = tracker
        self._target = target
        self._zone = zones[target]
        self._source = zones[target.other]
        self._in_flight: dict[str, Shipment] = {}
        self._gas_factor = 1
        self.sent_txs = 0
        """Transactions handed over since the start."""
        self.failed_txs = 0
        """Those of them that the zone refused."""

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Hashes of the transactions on their way."""
        return tuple(self._in_flight)

    async def ship(self) -> bool:
        """Send one transaction if there is something to send and room for it.

        Returns:
            Whether something was sent or tried, so that it is worth to ask again.

        Raises:
            UnavailableError: one of the nodes does not answer now.
        """
        if len(self._in_flight) >= TXS_IN_FLIGHT_MAX:
            return False
        tracker = self._tracker
        items = tracker.next_group(self._target) or tracker.items_for(self._target)
        items = items[:ITEMS_PER_TX_MAX]
        if not items:
            return False
        tracker.mark_busy(items)
        try:
            return await self._ship(items)
        except BaseException:
            tracker.release(items)
            raise

    async def refresh(self) -> None:
        """Bring the client on the target up to date, whether or not packets wait."""
        head = self._tracker.heads[self._target.other]
        await self._send([], await self._update(head), head.height)

    async def _ship(self, items: list[Item]) -> bool:
        head = self._tracker.heads[self._target.other]
        needs_update = self._known_height() < head.height
        proving = self._prove(items, head)
        if needs_update:
            packed, proofs = await asyncio.gather(self._update(head), proving)
        else:
            packed, proofs = [], await proving
        sendable = self._add_messages(packed, items, proofs, head)
        sent = set(sendable)
        self._tracker.release(item for item in items if item not in sent)
        if sendable:
            await self._send(sendable, packed, head.height if needs_update else 0)
        return True

    def _known_height(self) -> int:
        """Return the height that the client knows, or will when what is sent is done."""
        sent = (shipment.update_height for shipment in self._in_flight.values())
        return max(self._tracker.client_heights[self._target], *sent, 0)

    async def _update(self, head: Head) -> list[any_pb2.Any]:
        """Return the messages that bring the client to the newest header; mostly one."""
        client_id = self._tracker.client_on(self._target)

        async def get_trust_level() -> TrustLevel:
            return (await get_client_state(self._zone.client, client_id)).trust_level

        headers = await self._source.headers.client_messages(
            head.height, self._tracker.client_heights[self._target], get_trust_level
        )
        return [
            messages.update_client(
                client_id=client_id,
                client_message=header,
                signer=self._zone.sender.address,
            )
            for header in headers
        ]

    async def _prove(self, items: list[Item], head: Head) -> list[list[ProvenValue]]:
        """Return the proofs of each item, from the state before the newest header."""
        wanted = [
            messages.proof_keys(self._tracker.lanes[item.lane], item.action)
            for item in items
        ]
        flat = [key for keys_of_item in wanted for key in keys_of_item]
        proven = await self._source.client.prove(keys.STORE, flat, head.height - 1)
        answers = iter(proven)
        return [[next(answers) for _ in keys_of_item] for keys_of_item in wanted]

    def _add_messages(
        self,
        packed: list[any_pb2.Any],
        items: list[Item],
        proofs: list[list[ProvenValue]],
        head: Head,
    ) -> list[Item]:
        """Append messages as far as they fit; return the items that they are for."""
        size = sum(len(message.value) for message in packed)
        proof_height = Height(head.revision, head.height)
        sendable: list[Item] = []
        for item, proven in zip(items, proofs, strict=True):
            lane = self._tracker.lanes[item.lane]
            if not _is_still_right(lane, item, proven):
                continue
            message = messages.packet_message(
                lane,
                item.action,
                proofs=[value.proof for value in proven],
                proof_height=proof_height,
                signer=self._zone.sender.address,
            )
            size += len(message.value)
            if size > TX_MESSAGES_BYTES_MAX and sendable:
                break
            packed.append(message)
            sendable.append(item)
        return sendable

    async def _send(
        self, items: list[Item], packed: list[any_pb2.Any], update_height: int
    ) -> None:
        size = sum(len(message.value) for message in packed)
        gas_limit = GAS_PER_TX + GAS_PER_ITEM * len(items) + GAS_PER_BYTE * size
        self.sent_txs += 1
        try:
            tx_hash = await self._zone.sender.broadcast(
                packed, gas_limit=gas_limit * self._gas_factor
            )
        except TransactionFailedError as refusal:
            self._on_refusal(items, refusal)
            return
        self._in_flight[tx_hash] = Shipment(
            items=items, update_height=update_height, sent_s=_now_s()
        )

    def _on_refusal(self, items: list[Item], refusal: TransactionFailedError) -> None:
        """Deal with a transaction that was refused at the door."""
        pair = (refusal.codespace, refusal.code)
        if pair == (RedundantTxError.codespace, RedundantTxError.code):
            # Somebody else was quicker; the blocks will tell.
            self._tracker.rest(items, _now_s())
        elif pair == (MempoolFullError.codespace, MempoolFullError.code):
            self._tracker.rest(items, _now_s())
        else:
            self._on_failure(items, refusal.codespace, refusal.code, str(refusal))

    def on_block(self, block: BlockSeen) -> None:
        """Learn from a block of the target what became of the transactions sent."""
        if self._in_flight:
            for tx in block.txs:
                self.on_outcome(tx.tx_hash, tx)

    def on_outcome(self, tx_hash: str, tx: TxSeen | TxOutcome) -> None:
        """Learn what became of a transaction; those of others change nothing."""
        shipment = self._in_flight.pop(tx_hash, None)
        if shipment is None:
            return
        if tx.code:
            self._on_failure(shipment.items, tx.codespace, tx.code, tx.log)
        else:
            self._tracker.note_done(shipment.items)

    def _on_failure(
        self, items: list[Item], codespace: str, code: int, reason: str
    ) -> None:
        self.failed_txs += 1
        log.warning(
            "transaction_refused",
            chain=self._zone.chain_id,
            items=len(items),
            code=f"{codespace}/{code}",
            reason=reason,
        )
        self._tracker.release(items)
        if (codespace, code) == (OutOfGasError.codespace, OutOfGasError.code):
            self._gas_factor = min(self._gas_factor * 2, GAS_FACTOR_MAX)
        if items and (codespace, code) in _TOO_EARLY:
            self._tracker.rest(items, _now_s())
        elif items:
            self._tracker.note_failed(items, _now_s())

    def give_up_old(self) -> bool:
        """Forget transactions that no block took in time; return whether there were any.

        Their items are planned again; should they be taken after all, nothing happens
        twice, because the zone refuses or ignores what it has done already.
        """
        deadline_s = _now_s() - TX_LIFETIME_S
        old = [
            tx_hash
            for tx_hash, shipment in self._in_flight.items()
            if shipment.sent_s < deadline_s
        ]
        for tx_hash in old:
            self._tracker.release(self._in_flight.pop(tx_hash).items)
        if old:
            self._zone.sender.forget_sequence()
        return bool(old)

    def forget(self) -> None:
        """Forget everything that is on its way: the state will tell."""
        self._in_flight.clear()
        self._tracker.release_all(self._target)
        self._zone.sender.forget_sequence()


def _is_still_right(lane: Lane, item: Item, proven: list[ProvenValue]) -> bool:
    """Whether the state read with the proof still asks for the item.

    Blocks may have been seen between planning and proving, and a node may know less or
    more than its events said.
    """
    sequence = item.action.sequence
    if sequence not in lane.sent:
        return False
    value = proven[0].value
    if item.action.stage is Stage.RECEIVE:
        return value is not None
    if item.action.stage is Stage.ACKNOWLEDGE:
        answer = lane.answers.get(sequence)
        return answer is not None and (
            value == hashlib.sha256(answer.acknowledgement).digest()
        )
    return lane.is_ordered or value is None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
