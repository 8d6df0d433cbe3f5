"""The gateways that the settings name, and this one among them: certificates and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from socket import socket
from typing import final

from huitong.gateway.exchange.arrivals import Arrivals
from huitong.gateway.exchange.links import Links
from huitong.gateway.hand_over.hand_overs import HandOvers
from huitong.gateway.hand_over.transport import hand_over_routes
from huitong.gateway.peers.certificates import (
    OwnCertificate,
    PeerCertificate,
    read_certificate,
    read_own_certificate,
    server_context,
)
from huitong.gateway.peers.client import HttpPeers, PeerPlace
from huitong.gateway.peers.server import PeerServer
from huitong.gateway.peers.serving import PeerService
from huitong.gateway.peers.signers import Signers
from huitong.gateway.reads.provider import ReadProvider
from huitong.gateway.service.home import GatewayHome
from huitong.gateway.service.reading import read_route
from huitong.gateway.settings import GatewaySettings
from huitong.gateway.tracing.spans import NO_TRACING, Tracing


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPeers:
    """This gateway and those that it knows."""

    settings: GatewaySettings
    own: OwnCertificate | None
    """What this gateway shows; None without TLS."""
    places: Mapping[str, PeerPlace]
    """The others, by member id."""

    def client(self, private_key: bytes, tracing: Tracing = NO_TRACING) -> HttpPeers:
        """Return who brings sealed bytes to them; ``private_key`` signs statements."""
        return HttpPeers(
            self.places,
            member_id=self.settings.member,
            private_key=private_key,
            own=self.own,
            tracing=tracing,
        )

    def service(
        self,
        listening: socket | None,
        arrivals: Arrivals,
        links: Links,
        provider: ReadProvider,
        hand_overs: HandOvers,
        tracing: Tracing = NO_TRACING,
    ) -> PeerService | None:
        """Return what takes sealed bytes from them and lets them read; None if nobody is
        known."""
        if listening is None:
            return None
        certificates = {
            place.certificate: member_id
            for member_id, place in self.places.items()
            if place.certificate is not None
        }
        members = self._members(certificates)
        server = PeerServer(
            member_id=self.settings.member,
            chain_id=self.settings.zone.chain_id,
            arrivals=arrivals,
            signers=Signers(links),
            certificates=members,
            tracing=tracing,
            others=(
                read_route(provider, self.settings, members or {}),
                *hand_over_routes(
                    hand_overs,
                    members,
                    chain_id=self.settings.zone.chain_id,
                    member_id=self.settings.member,
                ),
            ),
        )
        context = server_context(self.own, list(certificates)) if self.own else None
        return PeerService(server, listening, context)

    def _members(
        self, certificates: Mapping[PeerCertificate, str]
    ) -> Mapping[bytes, str] | None:
        """Return member ids by the digests of their certificates' keys."""
        if self.own is None:
            return None
        return {each.spki_digest: member for each, member in certificates.items()}


def read_peers(home: GatewayHome, settings: GatewaySettings) -> KnownPeers:
    """Read the certificates that the settings name.

    Raises:
        CertificateError: one is missing, or is none.
    """
    own = None
    if not settings.peer.plain_http and settings.peers:
        own = read_own_certificate(
            home.place(settings.peer.certificate), home.place(settings.peer.key)
        )
    places = {
        member_id: PeerPlace(
            url=peer.url,
            certificate=read_certificate(home.place(peer.certificate))
            if peer.certificate
            else None,
        )
        for member_id, peer in settings.peers.items()
    }
    return KnownPeers(settings=settings, own=own, places=places)
