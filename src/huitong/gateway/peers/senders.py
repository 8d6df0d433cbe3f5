"""Whether whoever sends something is the member that its statement names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

from starlette.requests import Request

from huitong.gateway.exchange.errors import NotAskedForError
from huitong.gateway.peers.errors import StatementSignerError
from huitong.gateway.peers.signers import Signers
from huitong.gateway.peers.statement import SignedStatement, Statement, StatementT

#: Where ``protocol`` puts the digest of the key of the peer's certificate.
CERTIFICATE_STATE: Final = "peer_certificate"


@final
class Senders:
    """Checks statements against the path, the connection, and the signer's zone."""

    def __init__(
        self,
        *,
        member_id: str,
        chain_id: str,
        signers: Signers,
        certificates: Mapping[bytes, str] | None,
    ) -> None:
        """Prepare.

        Args:
            member_id: who takes.
            chain_id: the own zone.
            signers: whose accounts sign statements.
            certificates: member id by the digest of the key of its certificate; None
                without TLS, for trials on this machine.
        """
        self._member_id = member_id
        self._chain_id = chain_id
        self._signers = signers
        self._certificates = certificates

    def check_connection(
        self, request: Request, statement: Statement, sequence: int = 0
    ) -> None:
        """Check that a statement is for this gateway, and comes from its member's.

        Raises:
            NotAskedForError: it is not for this gateway.
            StatementSignerError: the connection's certificate is somebody else's.
        """
        is_ours = (self._chain_id, self._member_id)
        if is_ours != (statement.chain_id_of_b, statement.requester):
            raise NotAskedForError(channel_id=statement.channel_on_b, sequence=sequence)
        if self._certificates is None:
            return
        shown: bytes = getattr(request.state, CERTIFICATE_STATE, b"")
        is_known = self._certificates.get(shown) == statement.provider
        if not is_known or shown.hex() != statement.certificate:
            raise StatementSignerError(
                member_id=statement.provider, chain_id=statement.chain_id_of_a
            )

    async def check_signer(self, signed: SignedStatement[StatementT]) -> None:
        """Check that an account of the member signed; it may ask the member's zone.

        Raises:
            StatementSignerError: the account is of another member, of none, or disabled.
            UnavailableError: it cannot be proven now.
        """
        await self._signers.check(signed)
