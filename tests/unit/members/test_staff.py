"""A delegate looks after its own member's staff and key, and after nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import (
    HuitongError,
    InvalidAddressError,
    InvalidRequestError,
    UnauthorizedError,
    UnknownAddressError,
)
from huitong.modules.members import errors
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from tests.unit.members.zones import account_of, member_of, new_zone

HEAD, CLERK, NEW = (
    address_of("tax-head"),
    address_of("tax-clerk"),
    address_of("new"),
)
KEY = bytes(range(32))


def add(signer: str = HEAD, **fields: Any) -> Any:
    return pb.MsgAddMemberAccount(signer=signer, **{"address": NEW, **fields})


def disable(address: str, signer: str = HEAD, reason: str = "left") -> Any:
    return pb.MsgDisableMemberAccount(signer=signer, address=address, reason=reason)


def set_key(signer: str, member_id: str, key: bytes = KEY) -> Any:
    return pb.MsgSetEncryptionKey(
        signer=signer, member_id=member_id, encryption_key=key
    )


def test_delegate_adds_and_disables_staff_of_its_member() -> None:
    zone = new_zone()
    zone.run(add(roles=["publisher", "officer"]))
    assert account_of(zone, "new").member_id == "tax"
    assert list(account_of(zone, "new").roles) == ["officer", "publisher"]
    zone.run(disable(NEW))
    assert account_of(zone, "new").disabled
    assert zone.told("account_disabled")[0]["changed_by"] == HEAD
    with pytest.raises(errors.AccountDisabledError):
        zone.run(disable(NEW))


def test_delegate_replaces_and_removes_the_encryption_key_of_its_member() -> None:
    zone = new_zone()
    for key in (KEY, b""):
        zone.run(set_key(HEAD, "tax", key))
        assert member_of(zone, "tax").encryption_key == key
        assert zone.told("encryption_key_changed")[0]["encryption_key"] == key.hex()


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (add(CLERK), UnauthorizedError),
    (add(address_of("operator")), UnauthorizedError),
    (add(address="ht1"), InvalidAddressError),
    (add(address=CLERK), errors.AccountExistsError),
    (add(roles=["king"]), errors.UnknownRoleError),
    (add(roles=["requester"]), errors.RoleNotAllowedError),
    (add(roles=["delegate"]), errors.RoleNotAllowedError),
    (add(roles=["operator"]), errors.RoleNotAllowedError),
    (add(roles=["officer", "regulator"]), errors.RoleNotAllowedError),
    (disable(CLERK, CLERK), UnauthorizedError),
    (disable(CLERK, reason=""), InvalidRequestError),
    (disable(NEW), UnknownAddressError),
    (disable("ht1"), InvalidAddressError),
    (disable(address_of("operator")), errors.NoMemberError),
    (disable(address_of("bank-operator")), errors.NotOwnMemberError),
    (disable(HEAD), errors.RoleNotAllowedError),
    (disable(address_of("tax-both")), errors.RoleNotAllowedError),
    (disable(CLERK, address_of("bank-head")), errors.NotOwnMemberError),
    (set_key(CLERK, "tax"), UnauthorizedError),
    (set_key(HEAD, "bank"), errors.NotOwnMemberError),
    (set_key(HEAD, "tax", b"1"), InvalidRequestError),
]


@pytest.mark.parametrize(("message", "error"), REFUSALS)
def test_message_is_refused_and_writes_nothing(
    message: Any, error: type[HuitongError]
) -> None:
    zone = new_zone()
    before = zone.state.dump()
    with pytest.raises(error):
        zone.run(message)
    assert zone.state.dump() == before
