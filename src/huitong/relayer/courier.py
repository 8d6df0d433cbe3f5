"""Carrying items to one zone: proofs are fetched, a transaction is built and sent.

One transaction holds a client update, if the client does not know the newest header yet,
and as many packet messages as the limits allow. Transactions are not waited for: the next
is prepared while the previous one is on its way. What becomes of them is seen in the
zone's blocks (``on_block``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from huitong.client import (
    AccountUnknownError,
    BlockSeen,
    ProvenValue,
    Sender,
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
from huitong.relayer.errors import AccountRefusedError
from huitong.relayer.gas import GasTable
from huitong.relayer.handshake import Side
from huitong.relayer.lane import Lane
from huitong.relayer.plan import Head, Stage
from huitong.relayer.tracker import Item, Tracker

log = structlog.get_logger("relayer")

#: Transactions of one link on their way to one zone.
TXS_IN_FLIGHT_MAX: Final = 16
#: Seconds after which a transaction that no block holds is given up.
TX_LIFETIME_S: Final = 20.0
#: Errors of a transaction whose client update has failed or is still to come.
_TOO_EARLY: Final = frozenset({("client", 7), ("ibc", 9)})
#: Refusals of the signing account, whatever it sends: it may not (4), is not known (9),
#: cannot pay (5), does not pay enough (13).
_OF_ACCOUNT: Final = frozenset({("sdk", 4), ("sdk", 5), ("sdk", 9), ("sdk", 13)})
#: Refusals that will be over soon and are nobody's fault: somebody else was quicker, or
#: the mempool is full.
_PASSING: Final = frozenset(
    (error.codespace, error.code) for error in (RedundantTxError, MempoolFullError)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """One transaction on its way."""

    items: list[Item]
    """What it does."""
    update_height: int
    """Height that its client update brings; 0 if it has none."""
    sent_s: float
    """When it was handed over, on the event loop's clock."""
    sender: Sender
    """The account that signed it."""


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
        self._gas = GasTable()
        self.sent_txs = 0
        """Transactions handed over since the start."""
        self.failed_txs = 0
        """Those of them that the zone refused."""
        self.failures: Counter[tuple[str, int]] = Counter()
        """Refusals since the start by codespace and code."""
        self.account_refused = ""
        """Why the zone takes nothing from the account; empty if it does."""

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
        suspects = tracker.next_group(self._target)
        items = suspects or tracker.items_for(self._target)
        items = items[: self._zone.terms.max_messages]
        if not items:
            return False
        tracker.mark_busy(items)
        try:
            return await self._ship(items, is_suspect=bool(suspects))
        except BaseException:
            tracker.release(items)
            raise

    @property
    def is_updating(self) -> bool:
        """Whether a client update is on its way."""
        return any(shipment.update_height for shipment in self._in_flight.values())

    async def refresh(self) -> None:
        """Bring the client on the target up to date, whether or not packets wait."""
        head = self._tracker.heads[self._target.other]
        sender = self._zone.next_sender(in_order=True)
        packed = await self._update(head, sender)
        await self._send(sender, [], packed, head.height)

    async def _ship(self, items: list[Item], *, is_suspect: bool) -> bool:
        head = self._tracker.heads[self._target.other]
        sender = self._zone.next_sender(in_order=self._is_ordered(items))
        # What may fail neither builds on a transaction under way nor is built on.
        known = self._tracker.client_heights[self._target]
        needs_update = (known if is_suspect else self._known_height()) < head.height
        proving = self._prove(items, head)
        if needs_update:
            packed, proofs = await asyncio.gather(self._update(head, sender), proving)
        else:
            packed, proofs = [], await proving
        sendable = self._add_messages(packed, items, proofs, head, sender)
        sent = set(sendable)
        self._tracker.release(item for item in items if item not in sent)
        if sendable:
            update_height = head.height if needs_update and not is_suspect else 0
            await self._send(sender, sendable, packed, update_height)
        return True

    def _is_ordered(self, items: list[Item]) -> bool:
        return any(self._tracker.lanes[item.lane].is_ordered for item in items)

    def _known_height(self) -> int:
        """Return the height that the client knows, or will when what is sent is done."""
        sent = (shipment.update_height for shipment in self._in_flight.values())
        return max(self._tracker.client_heights[self._target], *sent, 0)

    async def _update(self, head: Head, sender: Sender) -> list[any_pb2.Any]:
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
                signer=sender.address,
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
        sender: Sender,
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
                signer=sender.address,
            )
            size += len(message.value)
            if sendable and not self._fits(len(sendable) + 1, size):
                break
            packed.append(message)
            sendable.append(item)
        return sendable

    def _fits(self, items: int, size_bytes: int) -> bool:
        terms = self._zone.terms
        if size_bytes > terms.max_tx_bytes:
            return False
        return not terms.max_gas or self._gas.limit(items, size_bytes) <= terms.max_gas

    async def _send(
        self,
        sender: Sender,
        items: list[Item],
        packed: list[any_pb2.Any],
        update_height: int,
    ) -> None:
        self.sent_txs += 1
        try:
            gas_limit = await self._gas_limit(sender, items, packed)
            tx_hash = await sender.broadcast(packed, gas_limit=gas_limit)
        except AccountUnknownError as refusal:
            self._on_account_refused(items, sender, str(refusal))
            return
        except TransactionFailedError as refusal:
            self._on_failure(
                items, refusal.codespace, refusal.code, str(refusal), sender
            )
            return
        self._in_flight[tx_hash] = Shipment(
            items=items, update_height=update_height, sent_s=_now_s(), sender=sender
        )

    async def _gas_limit(
        self, sender: Sender, items: list[Item], packed: list[any_pb2.Any]
    ) -> int:
        terms = self._zone.terms
        size = sum(len(message.value) for message in packed)
        gas = self._gas.limit(len(items), size)
        if terms.simulates_gas:
            # What it builds on may still be on its way; then the table serves.
            with suppress(TransactionFailedError):
                gas = await sender.estimate_gas(packed, terms.gas_margin_percent)
        return min(gas, terms.max_gas) if terms.max_gas else gas

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
            self._on_failure(
                shipment.items, tx.codespace, tx.code, tx.log, shipment.sender
            )
        else:
            self.account_refused = ""
            self._tracker.note_done(shipment.items)

    def _on_failure(
        self,
        items: list[Item],
        codespace: str,
        code: int,
        log_text: str,
        sender: Sender,
    ) -> None:
        """Deal with a transaction that was refused, at the door or in its block."""
        pair = (codespace, code)
        self.failures[pair] += 1
        self._tracker.release(items)
        if pair in _PASSING or (items and pair in _TOO_EARLY):
            self._tracker.rest_briefly(items, _now_s())
            return
        if pair in _OF_ACCOUNT:
            self._on_account_refused(items, sender, log_text)
            return
        reason = f"{log_text} ({codespace}/{code})"
        self.failed_txs += 1
        log.warning(
            "transaction_refused",
            chain=self._zone.chain_id,
            items=len(items),
            code=f"{codespace}/{code}",
            reason=log_text,
        )
        if pair == (OutOfGasError.codespace, OutOfGasError.code):
            self._gas.note_out_of_gas()
        if items:
            self._tracker.note_failed(items, _now_s(), reason)

    def _on_account_refused(
        self, items: list[Item], sender: Sender, reason: str
    ) -> None:
        """Nothing of this account gets through: no packet is at fault."""
        self.failed_txs += 1
        refusal = AccountRefusedError(
            address=sender.address, chain_id=self._zone.chain_id, reason=reason
        )
        self.account_refused = str(refusal)
        log.error(
            "account_refused",
            chain=self._zone.chain_id,
            address=sender.address,
            reason=reason,
            next_step=refusal.next_step,
        )
        sender.forget_sequence()
        self._tracker.release(items)
        self._tracker.rest(items, _now_s(), self.account_refused)

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
            shipment = self._in_flight.pop(tx_hash)
            self._tracker.release(shipment.items)
            shipment.sender.forget_sequence()
        return bool(old)

    def forget(self) -> None:
        """Forget everything that is on its way: the state will tell."""
        self._in_flight.clear()
        self._tracker.release_all(self._target)
        self._zone.forget_sequences()


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
