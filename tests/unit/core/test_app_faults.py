"""What is the machine's fault stops the machine, and strangers cannot fill its memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.store.errors import StorageBusyError, StorageCorruptError
from huitong.modules.members.authentication import MemberAuthenticator
from tests.unit.core.test_app import Zone, _swap_apply, admit, sign

MEMBERS_PATH = "/huitong.members.v1.Query/Members"
FAULTS: dict[str, Callable[[], BaseException]] = {
    "damaged disk": lambda: StorageCorruptError(path="x", reason="a page is gone"),
    "no reader free": lambda: StorageBusyError(path="x", reason="too many readers"),
    "system": lambda: OSError(5, "input/output error"),
    "no memory": MemoryError,
    "no stack": RecursionError,
}


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
def test_fault_of_the_machine_in_a_message_is_no_result(
    make: Callable[[], BaseException],
) -> None:
    """A result would differ from that of the other nodes, and be committed."""
    fault = make()

    def apply(ctx: Context, msg: Any) -> Message:
        raise fault

    zone = Zone(module=_swap_apply("MsgAdmitMember", apply))
    with pytest.raises(type(fault)):
        zone.block(sign(admit("bank-1")))


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
def test_fault_of_the_machine_in_authentication_is_no_result(
    make: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = make()

    def authenticate(*_: object) -> None:
        raise fault

    zone = Zone()
    monkeypatch.setattr(MemberAuthenticator, "authenticate", authenticate)
    with pytest.raises(type(fault)):
        zone.block(sign(admit("bank-1")))


@pytest.mark.parametrize(
    ("path", "prove"),
    [("store/members/key", True), ("store/members/key", False), (MEMBERS_PATH, False)],
)
@pytest.mark.parametrize("height", [2**63 - 1, 2**63, 2**64, -1])
def test_query_at_an_impossible_height_is_answered(
    path: str, height: int, prove: bool
) -> None:
    zone = Zone()
    zone.block()
    data = b"k" if path.startswith("store") else b""
    answer = zone.app.query(path, data, height, prove)
    future = "store/7" if prove else "store/3"
    expected = future if height == 2**63 - 1 else "sdk/18"
    assert f"{answer.codespace}/{answer.code}" == expected
