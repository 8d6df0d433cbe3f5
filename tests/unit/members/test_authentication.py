"""Who signed a transaction: each rule of the authenticator by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import coincurve
import pytest

from huitong.core.address import address_of_public_key
from huitong.core.codec import pack_any
from huitong.core.errors import (
    HuitongError,
    UnauthorizedError,
    UnknownAddressError,
    WrongSequenceError,
)
from huitong.core.tx import (
    Transaction,
    build_transaction,
    decode_transaction,
    verify_signature,
)
from huitong.modules.members import MODULE, get_account, get_member
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.modules.members.state import save_member
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone

PRIVATE_KEY = hashlib.sha256(b"clerk").digest()
PUBLIC_KEY = coincurve.PrivateKey(PRIVATE_KEY).public_key.format()
CLERK = address_of_public_key(PUBLIC_KEY)
OPERATOR = address_of("operator")
HEAD = address_of("head")
CHAIN_ID = "hangzhou-1"


def new_zone() -> MemoryZone:
    return MemoryZone(
        [MODULE],
        chain_id=CHAIN_ID,
        genesis={
            "members": {
                "members": [{"member_id": "tax", "name": "Tax"}],
                "accounts": [
                    {"address": OPERATOR, "roles": ["operator"]},
                    {"address": CLERK, "member_id": "tax", "roles": ["officer"]},
                ],
            }
        },
    )


def signed(
    sequence: int = 0,
    *,
    key: bytes = PRIVATE_KEY,
    chain_id: str = CHAIN_ID,
    account_number: int = 1,
) -> Transaction:
    message = pb.MsgSetEncryptionKey(signer=CLERK, member_id="tax")
    raw = build_transaction(
        [pack_any(message)],
        private_key=key,
        chain_id=chain_id,
        account_number=account_number,
        sequence=sequence,
        gas_limit=100_000,
    )
    return decode_transaction(raw)


def authenticate(zone: MemoryZone, tx: Transaction) -> None:
    ctx = zone.context()
    MemberAuthenticator().authenticate(
        ctx, tx, lambda number: verify_signature(tx, CHAIN_ID, number)
    )
    zone.take(ctx)


def test_right_signature_is_counted_and_its_key_kept() -> None:
    zone = new_zone()
    authenticate(zone, signed(0))
    account = get_account(zone.context(), CLERK)
    assert (account.sequence, account.public_key) == (1, PUBLIC_KEY)
    authenticate(zone, signed(1))
    assert get_account(zone.context(), CLERK).sequence == 2


def test_signature_is_checked_once_for_the_number_of_the_account() -> None:
    numbers: list[int] = []
    MemberAuthenticator().authenticate(new_zone().context(), signed(), numbers.append)
    assert numbers == [1]


@pytest.mark.parametrize(
    ("tx", "error"),
    [
        (lambda: signed(key=hashlib.sha256(b"stranger").digest()), UnknownAddressError),
        (lambda: signed(sequence=1), WrongSequenceError),
        (lambda: signed(chain_id="chongqing-1"), UnauthorizedError),
        (lambda: signed(account_number=0), UnauthorizedError),
    ],
)
def test_other_signatures_are_refused(
    tx: Callable[[], Transaction], error: type[HuitongError]
) -> None:
    zone = new_zone()
    before = zone.state.dump()
    with pytest.raises(error):
        authenticate(zone, tx())
    assert zone.state.dump() == before


def test_same_signature_serves_once() -> None:
    zone = new_zone()
    tx = signed(0)
    authenticate(zone, tx)
    with pytest.raises(WrongSequenceError, match="expected 1, got 0"):
        authenticate(zone, tx)


def test_disabled_account_cannot_sign() -> None:
    zone = new_zone()
    zone.decide(pb.MsgDisableAccount(address=CLERK, reason="lost"))
    with pytest.raises(UnauthorizedError, match="is disabled"):
        authenticate(zone, signed())


def test_account_of_a_suspended_member_cannot_sign_until_it_is_back() -> None:
    zone = new_zone()
    for status in (pb.MEMBER_STATUS_SUSPENDED, pb.MEMBER_STATUS_ACTIVE):
        zone.decide(
            pb.MsgSetMemberStatus(member_id="tax", status=status, reason="audit")
        )
        if status == pb.MEMBER_STATUS_SUSPENDED:
            with pytest.raises(UnauthorizedError, match="tax is suspended"):
                authenticate(zone, signed())
    authenticate(zone, signed())


def test_frozen_member_signs_nothing_but_what_lifts_its_own_freeze() -> None:
    zone = new_zone()
    ctx = zone.context()
    member = get_member(ctx, "tax")
    member.own_freeze.reason = "keys lost"
    save_member(ctx, member)
    zone.take(ctx)
    with pytest.raises(UnauthorizedError, match="tax is frozen by itself"):
        authenticate(zone, signed())
    tx, numbers = signed(), list[int]()
    check = MemberAuthenticator().authenticate
    check(zone.context(), tx, numbers.append, while_frozen=True)
    assert numbers == [1]


def test_account_without_a_member_may_sign() -> None:
    genesis = {"accounts": [{"address": CLERK, "roles": ["relayer"]}]}
    zone = MemoryZone([MODULE], chain_id=CHAIN_ID, genesis={"members": genesis})
    authenticate(zone, signed(account_number=0))
    assert get_account(zone.context(), CLERK).sequence == 1


def test_one_of_the_roles_is_enough_and_no_roles_ask_for_none() -> None:
    ctx = new_zone().context()
    check = MemberAuthenticator().check_roles
    check(ctx, CLERK, ("publisher", "officer"), "MsgX")
    check(ctx, CLERK, (), "MsgX")
    with pytest.raises(UnauthorizedError, match="MsgX needs the role operator"):
        check(ctx, CLERK, ("operator",), "MsgX")
    with pytest.raises(UnknownAddressError):
        check(ctx, address_of("stranger"), ("operator",), "MsgX")
