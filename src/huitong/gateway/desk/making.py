"""Making bundles: of any exchange of this gateway, and of what its own zone says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from huitong.client.zone import ZoneClient
from huitong.core.commitment import encode_disclosure, withhold_others
from huitong.core.limits import BUNDLE_PAYLOAD_SIZE_BYTES_MAX
from huitong.evidence.collect import Order, collect_bundle
from huitong.evidence.collect_state import StateOrder, collect_state_bundle
from huitong.evidence.container import decode_container
from huitong.evidence.errors import AuthorityDownError, CollectError
from huitong.evidence.manifest import MANIFEST_ENTRY
from huitong.evidence.pdf import render_pdf
from huitong.evidence.sources import NodeSource
from huitong.evidence.stamps import add_stamp, request_stamp
from huitong.evidence.verify import verify_bundle
from huitong.gateway.desk.errors import (
    DeskTimeoutError,
    EvidencePayloadError,
    NotOnChainError,
    PushedVersionError,
    StateAbsentError,
)
from huitong.gateway.desk.places import Places
from huitong.gateway.desk.settings import EvidenceSettings
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.exchange.orders import ExchangeView, Side, Stage
from huitong.gateway.vault.vault import Vault
from huitong.payload.form import as_disclosure

#: Stages in which what was disclosed is part of the evidence.
_FINISHED: Final = frozenset({Stage.RECEIVED, Stage.SETTLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A bundle."""

    data: bytes
    """Its bytes; verified as consistent with itself."""
    stamp: str
    """``stamped``; ``none`` if no authority is set; ``down`` if it gave no time-stamp."""


@final
class EvidenceDesk:
    """Makes bundles, signed by this gateway's accounts."""

    def __init__(
        self,
        exchanges: Exchanges,
        vault: Vault,
        settings: EvidenceSettings,
        *,
        nodes: Mapping[str, str],
        chain_id: str,
        keys: Mapping[Side, bytes],
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            exchanges: of this gateway.
            vault: has what was disclosed.
            settings: time-stamps and bounds.
            nodes: URL of a node of each zone, by chain id.
            chain_id: the own zone.
            keys: the private key that signs as provider, and as requester.
        """
        self._exchanges = exchanges
        self._vault = vault
        self._settings = settings
        self._nodes = nodes
        self._chain_id = chain_id
        self._keys = keys
        self._places = Places(settings.at_once)

    async def of_exchange(
        self, exchange_id: str, anchors: Mapping[str, tuple[int, ...]]
    ) -> Made:
        """Make the bundle of an exchange, whatever became of it.

        Args:
            exchange_id: which.
            anchors: heights whose headers shall be in it, by side (``evidence.kinds``).

        Raises:
            ExchangeUnknownError: there is none.
            NotOnChainError: its request is not on chain.
            PushedVersionError: it is a version that was pushed.
            EvidencePayloadError, VaultErasedError: what was disclosed cannot be shown.
            OtherZoneUnknownError: the settings name no node of the other zone.
            CollectError: it is under way, or a zone no longer has a part.
            DeskBusyError, DeskTimeoutError: not now.
        """
        view = await self._exchanges.get(exchange_id)
        if view.subscription_id:
            raise PushedVersionError(exchange_id=exchange_id)
        if not view.sequence:
            raise NotOnChainError(exchange_id=exchange_id)
        end = await self._exchanges.links.other_end(view.channel_id)
        self._exchanges.links.other_zone(end)  # refuses a zone that no node is set for
        ours = view.side is Side.REQUESTER
        order = Order(
            channel_on_b=view.channel_id if ours else end.channel_id,
            sequence=view.sequence,
            disclosure=await self._disclosure(view),
            maker_side=str(view.side),
            private_key=self._keys[view.side],
            anchors=anchors,
        )
        b_id, a_id = self._chain_id, end.chain_id
        if not ours:
            a_id, b_id = b_id, a_id
        a, b = self._nodes[a_id], self._nodes[b_id]
        return await self._make(lambda: _collect(a, b, order))

    async def of_state(self, order: StateOrder) -> Made:
        """Make the bundle of what the own zone says; the order's key is set here.

        Raises:
            StateAbsentError: the zone does not have it.
            DeskBusyError, DeskTimeoutError: not now.
        """
        signed = replace(order, private_key=self._keys[Side.PROVIDER])
        node = self._nodes[self._chain_id]
        try:
            return await self._make(lambda: _collect_state(node, signed))
        except CollectError as absent:
            raise StateAbsentError(reason=str(absent)) from None

    async def report(self, made: Made) -> bytes:
        """Return the report of a bundle as PDF.

        Raises:
            ReportError, FontMissingError: it cannot be set.
            DeskBusyError: not now.
        """

        def render() -> bytes:
            verdict = verify_bundle(made.data, None, now_ns=time.time_ns())
            return render_pdf(made.data, verdict)

        return await self._places.run(render)

    async def _make(self, collecting: Callable[[], Awaitable[bytes]]) -> Made:
        """Collect in a thread with a loop of its own, since proofs take time to check."""
        seconds = self._settings.collect_s

        async def collect() -> bytes:
            try:
                async with asyncio.timeout(seconds):
                    return await collecting()
            except TimeoutError:
                raise DeskTimeoutError(seconds=seconds) from None

        data = await self._places.run(lambda: asyncio.run(collect()))
        return await self._stamped(data)

    async def _stamped(self, data: bytes) -> Made:
        authority = self._settings.authority
        if authority is None:
            return Made(data=data, stamp="none")
        manifest = decode_container(data)[MANIFEST_ENTRY]
        try:
            answer = await request_stamp(manifest, authority)
        except AuthorityDownError:
            return Made(data=data, stamp="down")
        return Made(data=add_stamp(data, answer), stamp="stamped")

    async def _disclosure(self, view: ExchangeView) -> bytes:
        """Return what was disclosed, as far as the evidence has it."""
        stages = _FINISHED if view.side is Side.REQUESTER else {Stage.SETTLED}
        if view.stage not in stages:
            return b""
        is_received = view.side is Side.REQUESTER
        opened = await self._vault.open(
            view.payload_digest, holder=view.id if is_received else ""
        )
        if opened.stored.size > BUNDLE_PAYLOAD_SIZE_BYTES_MAX:
            raise EvidencePayloadError(
                size=opened.stored.size, maximum=BUNDLE_PAYLOAD_SIZE_BYTES_MAX
            )
        document = b""
        if opened.head.disclosure is None:
            document = b"".join([piece async for piece in opened.content])
        disclosure = as_disclosure(opened.head, document)
        if not is_received and view.fields:
            disclosure = withhold_others(disclosure, view.fields)
        return encode_disclosure(disclosure)


async def _collect(provider: str, requester: str, order: Order) -> bytes:
    async with ZoneClient(provider) as a, ZoneClient(requester) as b:
        return await collect_bundle(
            NodeSource(a), NodeSource(b), order, now_ns=time.time_ns()
        )


async def _collect_state(node: str, order: StateOrder) -> bytes:
    async with ZoneClient(node) as zone:
        return await collect_state_bundle(
            NodeSource(zone), order, now_ns=time.time_ns()
        )
