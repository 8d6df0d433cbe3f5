"""Whose account signed a statement: proven from the state of the signer's own zone."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final, final

from huitong.core.address import address_of_public_key
from huitong.core.codec import decode
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.errors import AnswerMissingError
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.proven_read import read_proven
from huitong.gateway.peers.errors import StatementSignerError
from huitong.gateway.peers.statement import SignedStatement, StatementT
from huitong.modules.members.keys import STORE, account_key
from huitong.proto.huitong.members.v1.members_pb2 import Account

#: Seconds for which an account is believed to be the member's still.
FRESH_S: Final = 60
#: Accounts that are remembered.
REMEMBERED_MAX: Final = 10_000


@final
class Signers:
    """Knows whose accounts sign, and asks again from time to time."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._known: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    async def check(self, signed: SignedStatement[StatementT]) -> None:
        """Check that a statement is signed by an account of the member that it names.

        Raises:
            StatementSignerError: the account is of another member, of none, or disabled.
            UnavailableError: it cannot be proven now.
        """
        statement = signed.statement
        address = address_of_public_key(signed.public_key)
        place = (statement.channel_on_b, address)
        now_ns = time.time_ns()
        member_id, until_ns = self._known.get(place, ("", 0))
        if until_ns < now_ns:
            member_id = await self._prove(*place)
            self._known[place] = (member_id, now_ns + FRESH_S * NS_PER_SECOND)
            self._known.move_to_end(place)
            if len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)
        if not member_id or member_id != statement.provider:
            raise StatementSignerError(
                member_id=statement.provider, chain_id=statement.chain_id_of_a
            )

    async def _prove(self, channel_id: str, address: str) -> str:
        """Return the member of an account of the zone behind a channel; empty for none."""
        zone = self._links.other_zone(await self._links.other_end(channel_id))
        view = await self._links.verified(channel_id, await zone.latest_height())
        try:
            value = await read_proven(view, zone, STORE, account_key(address))
        except AnswerMissingError:
            return ""
        account = decode(Account, value)
        return "" if account.disabled else account.member_id
