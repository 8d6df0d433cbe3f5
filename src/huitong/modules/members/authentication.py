"""Who signed a transaction, and what that account may do.

Rules, in the order of checks:

* the address of the public key has an account (sdk 9);
* the account is not disabled, and the member it acts for is in force (sdk 4): active,
  and frozen neither by itself, a regulator nor in an emergency;
* the transaction carries the account's next sequence (sdk 32);
* the signature is over this zone's chain id and the account's number (sdk 4).

The sequence is counted up even if a message fails later, so a signature serves once.
"""

from __future__ import annotations

from typing import final

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import (
    UnauthorizedError,
    UnknownAddressError,
    WrongSequenceError,
)
from huitong.core.execution import CheckSignature
from huitong.core.tx import Transaction
from huitong.modules.members.keys import STORE, account_key, member_key
from huitong.modules.members.state import (
    FROZEN_BY_ITSELF,
    find_hindrance,
    get_account,
)
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member


@final
class MemberAuthenticator:
    """Checks signers against the accounts and members of the zone; keeps nothing."""

    __slots__ = ()

    def authenticate(
        self,
        ctx: Context,
        tx: Transaction,
        check_signature: CheckSignature,
        while_frozen: bool = False,
    ) -> None:
        """Check the signer and count the transaction in its sequence.

        Args:
            ctx: the branch to read from and to write the sequence to.
            tx: the transaction.
            check_signature: called with the number of the account; raises for a wrong
                signature.
            while_frozen: whether the member may be one that froze itself.

        Raises:
            UnknownAddressError: nobody has an account with this key.
            UnauthorizedError: disabled, member not active, or a wrong signature.
            WrongSequenceError: not the account's next sequence.

        Cost: 2 reads, 1 write, and the check of the signature.
        """
        store = ctx.store(STORE)
        key = account_key(tx.address)
        value = store.get(key)
        if value is None:
            raise UnknownAddressError(address=tx.address)
        account = Account.FromString(value)
        check_may_act(ctx, account, while_frozen)
        if account.sequence != tx.sequence:
            raise WrongSequenceError(expected=account.sequence, actual=tx.sequence)
        check_signature(account.account_number)
        if not account.public_key:
            account.public_key = tx.public_key
        account.sequence += 1
        store.set(key, encode(account))

    def check_roles(
        self, ctx: Context, address: str, roles: tuple[str, ...], what: str
    ) -> None:
        """Check that an account holds one of ``roles``; no roles ask for none.

        Args:
            ctx: the state.
            address: the account.
            roles: any of these is enough.
            what: the type of the message, for the error.

        Raises:
            UnauthorizedError: it holds none of them.
            UnknownAddressError: there is no such account.
        """
        if not roles:
            return
        account = get_account(ctx, address)
        for role in account.roles:
            if role in roles:
                return
        raise UnauthorizedError(
            reason=f"{what} needs the role {' or '.join(roles)}; {address} has "
            f"{', '.join(account.roles) or 'none'}"
        )


def check_may_act(ctx: Context, account: Account, while_frozen: bool = False) -> None:
    """Check that an account and the member behind it are in force.

    Args:
        ctx: the state.
        account: the account.
        while_frozen: whether the member may be one that froze itself.

    Raises:
        UnauthorizedError: disabled, or the member is not in force.
    """
    if account.disabled:
        raise UnauthorizedError(reason=f"account {account.address} is disabled")
    if not account.member_id:
        return
    value = ctx.store(STORE).get(member_key(account.member_id))
    hindrance = find_hindrance(Member() if value is None else Member.FromString(value))
    if hindrance and not (while_frozen and hindrance == FROZEN_BY_ITSELF):
        raise UnauthorizedError(
            reason=f"account {account.address}: member {account.member_id} is {hindrance}"
        )
