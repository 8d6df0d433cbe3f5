"""One account's transactions: signed, stored, then sent."""

from __future__ import annotations

from typing import final

from huitong.client.terms import AccountTerms
from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database


@final
class ChainWriter:
    """Signs for one account of the own zone; no other program may sign for it."""

    def __init__(
        self,
        database: Database,
        zone: ZoneClient,
        private_key: bytes,
        terms: AccountTerms = AccountTerms(),  # noqa: B008 - frozen
    ) -> None:
        """Prepare; the account is asked for when it is first needed."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """bech32 address of the account."""
        raise NotImplementedError
