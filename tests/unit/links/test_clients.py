"""Creating, updating, freezing, recovering and upgrading clients (ICS-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from huitong.core.context import Context
from huitong.core.height import Height
from huitong.core.module import Module
from huitong.core.time import NS_PER_SECOND
from huitong.light import light_client
from huitong.light.tendermint.client_message import (
    Misbehaviour,
    client_message_to_any,
)
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS, UPGRADE_PATH
from huitong.light.tendermint.upgrade import committed_form, upgrade_path_of
from huitong.modules.links import consensus_states, keys
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from huitong.testing.links import RELAYER, Endpoint, make_path
from tests.unit.links.refusals import refused_with


def client_of(end: Endpoint) -> str:
    end.create_client()
    return end.client_id


def fork_evidence(end: Endpoint) -> AnyMessage:
    """Return two headers of one height that the other zone's validators both signed."""
    chain = end.other.zone.chain
    end.other.zone.next_block()
    fork = chain.fork(end.trusted_height)
    fork.advance(chain.height - end.trusted_height, app_hash=b"\x07" * 32)
    return client_message_to_any(
        Misbehaviour(
            header_1=chain.client_header(
                chain.height, trusted_height=end.trusted_height
            ),
            header_2=fork.client_header(fork.height, trusted_height=end.trusted_height),
        )
    )


# --- create -------------------------------------------------------------------------------


def test_clients_get_ids_in_order_and_tell_their_height() -> None:
    path = make_path()
    assert client_of(path.a) == "07-tendermint-0"
    assert client_of(path.a) == "07-tendermint-1"
    (told,) = path.a.zone.told("create_client")
    assert told == {
        "client_id": "07-tendermint-1",
        "client_type": "07-tendermint",
        "consensus_height": "1-2",
    }


def _no_client_state(message: Any, end: Endpoint) -> None:
    message.ClearField("client_state")


def _unknown_type(message: Any, end: Endpoint) -> None:
    message.client_state.type_url = "/ibc.lightclients.solomachine.v3.ClientState"


def _garbage(message: Any, end: Endpoint) -> None:
    message.client_state.value = b"\xff"


def _no_consensus_state(message: Any, end: Endpoint) -> None:
    message.ClearField("consensus_state")


def _garbage_consensus_state(message: Any, end: Endpoint) -> None:
    message.consensus_state.value = b"\xff"


def _consensus_state_of_other_kind(message: Any, end: Endpoint) -> None:
    message.consensus_state.CopyFrom(message.client_state)


def _blank_chain_id(message: Any, end: Endpoint) -> None:
    chain = end.other.zone.chain
    wrong = replace(chain.client_state(chain.height), chain_id=" ")
    message.client_state.CopyFrom(client_state_to_any(wrong))


def _frozen_at_birth(message: Any, end: Endpoint) -> None:
    chain = end.other.zone.chain
    wrong = replace(chain.client_state(chain.height), frozen_height=Height(0, 1))
    message.client_state.CopyFrom(client_state_to_any(wrong))


def _expired_at_birth(message: Any, end: Endpoint) -> None:
    chain = end.other.zone.chain
    old = replace(
        chain.consensus_state(chain.height),
        timestamp_ns=end.zone.time_ns - TRUSTING_PERIOD_NS,
    )
    message.consensus_state.CopyFrom(consensus_state_to_any(old))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_no_client_state, "ibc/14"),
        (_garbage, "ibc/14"),
        (_no_consensus_state, "ibc/14"),
        (_garbage_consensus_state, "ibc/14"),
        (_unknown_type, "client/10"),
        (_consensus_state_of_other_kind, "client/8"),
        (_blank_chain_id, "07-tendermint/2"),
        (_frozen_at_birth, "client/29"),
        (_expired_at_birth, "client/29"),
    ],
)
def test_wrong_client_is_rejected(
    change: Callable[[Any, Endpoint], None], code: str
) -> None:
    end = make_path().a
    message = end.create_message()
    change(message, end)
    with refused_with(code):
        end.zone.deliver(message)


def test_client_of_a_type_that_is_not_allowed_is_rejected() -> None:
    end = make_path().a
    end.zone.deliver(
        client_tx_pb2.MsgUpdateParams(
            signer=RELAYER, params=client_pb2.Params(allowed_clients=["06-solomachine"])
        )
    )
    with refused_with("client/33"):
        end.zone.deliver(end.create_message())


def test_client_of_any_type_is_allowed_by_a_star() -> None:
    end = make_path().a
    end.zone.deliver(
        client_tx_pb2.MsgUpdateParams(
            signer=RELAYER, params=client_pb2.Params(allowed_clients=["*"])
        )
    )
    end.zone.deliver(end.create_message())


# --- update -------------------------------------------------------------------------------


def test_update_tells_the_height_and_the_header() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    message = path.a.update_message()
    path.a.zone.deliver(message)
    (told,) = path.a.zone.told("update_client")
    assert told["consensus_height"] == told["consensus_heights"] == "1-3"
    header = AnyMessage.FromString(bytes.fromhex(told["header"]))
    assert header == message.client_message


def test_known_header_succeeds_changes_nothing_and_is_redundant() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    message = path.a.update_message()
    assert not path.a.zone.is_redundant(message)
    path.a.zone.deliver(message)
    assert path.a.zone.is_redundant(message)
    ctx = path.a.zone.context()
    before = list(ctx.store(keys.STORE).iterate(b"", None))
    path.a.zone.deliver(message)
    after = list(path.a.zone.context().store(keys.STORE).iterate(b"", None))
    assert after == before
    assert path.a.zone.told("update_client")[0]["consensus_height"] == "1-3"


def test_update_of_an_unknown_client_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    message = path.a.update_message()
    message.client_id = "07-tendermint-9"
    with refused_with("client/4"):
        path.a.zone.deliver(message)


def test_update_from_an_unknown_height_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    message = path.a.update_message(trusted_height=1)
    with refused_with("client/7"):
        path.a.zone.deliver(message)


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (AnyMessage(), "ibc/14"),
        (
            AnyMessage(
                type_url="/ibc.lightclients.tendermint.v1.Header", value=b"\xff"
            ),
            "ibc/14",
        ),
        (
            AnyMessage(type_url="/ibc.lightclients.tendermint.v1.Header"),
            "client/12",
        ),
        (AnyMessage(type_url="/cosmos.tx.v1beta1.TxBody"), "client/10"),
    ],
)
def test_unreadable_client_message_is_rejected(packed: AnyMessage, code: str) -> None:
    path = make_path()
    path.open_clients()
    message = client_tx_pb2.MsgUpdateClient(
        client_id=path.a.client_id, client_message=packed, signer=RELAYER
    )
    with refused_with(code):
        path.a.zone.deliver(message)


def test_update_of_an_expired_client_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    path.a.zone.next_block(duration_ns=TRUSTING_PERIOD_NS)
    path.b.zone.next_block()
    with refused_with("client/29"):
        path.a.zone.deliver(path.a.update_message())


def test_consensus_states_above_the_cap_go_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consensus_states, "CONSENSUS_STATES_PER_CLIENT_MAX", 3)
    path = make_path()
    path.open_clients()
    for _ in range(5):
        path.a.catch_up()
    store = path.a.zone.context().store(keys.STORE)
    heights = list(light_client.iterate_consensus_heights(store, path.a.client_id))
    assert [height.revision_height for height in heights] == [5, 6, 7]
    assert consensus_states.get_consensus_state_count(store, path.a.client_id) == 3


def test_count_of_consensus_states_follows_expiry() -> None:
    path = make_path()
    path.open_clients()
    for _ in range(3):
        path.a.catch_up()
    half_ns = TRUSTING_PERIOD_NS // 2 + NS_PER_SECOND
    for _ in range(3):
        path.a.zone.next_block(duration_ns=half_ns)
        path.a.catch_up()
    store = path.a.zone.context().store(keys.STORE)
    heights = list(light_client.iterate_consensus_heights(store, path.a.client_id))
    count = consensus_states.get_consensus_state_count(store, path.a.client_id)
    assert count == len(heights) < 7


# --- misbehaviour -------------------------------------------------------------------------


def _submit(end: Endpoint, packed: AnyMessage) -> Any:
    return client_tx_pb2.MsgSubmitMisbehaviour(
        client_id=end.client_id, misbehaviour=packed, signer=RELAYER
    )


def _update(end: Endpoint, packed: AnyMessage) -> Any:
    return client_tx_pb2.MsgUpdateClient(
        client_id=end.client_id, client_message=packed, signer=RELAYER
    )


@pytest.mark.parametrize("wrap", [_submit, _update])
def test_two_headers_of_one_height_freeze_the_client_at_once(
    wrap: Callable[[Endpoint, AnyMessage], Any],
) -> None:
    path = make_path()
    path.open_clients()
    path.a.zone.deliver(wrap(path.a, fork_evidence(path.a)))
    (told,) = path.a.zone.told("client_misbehaviour")
    assert told["client_id"] == path.a.client_id
    with refused_with("client/29"):
        path.a.zone.deliver(path.a.update_message())
    with refused_with("client/29"):
        path.a.zone.deliver(wrap(path.a, fork_evidence(path.a)))


def test_header_that_contradicts_a_known_one_freezes_and_is_not_redundant() -> None:
    path = make_path()
    path.open_clients()
    path.a.catch_up()
    chain = path.b.zone.chain
    fork = chain.fork(chain.height - 1)
    fork.advance(app_hash=b"\x07" * 32)
    header = fork.client_header(fork.height, trusted_height=fork.height - 1)
    message = _update(path.a, client_message_to_any(header))
    assert not path.a.zone.is_redundant(message)
    path.a.zone.deliver(message)
    assert path.a.zone.told("client_misbehaviour")


def test_evidence_is_not_redundant() -> None:
    path = make_path()
    path.open_clients()
    assert not path.a.zone.is_redundant(_update(path.a, fork_evidence(path.a)))


def test_identical_headers_are_no_misbehaviour() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    chain = path.b.zone.chain
    header = chain.client_header(chain.height, trusted_height=path.a.trusted_height)
    packed = client_message_to_any(Misbehaviour(header_1=header, header_2=header))
    for wrap in (_submit, _update):
        with refused_with("client/13"):
            path.a.zone.deliver(wrap(path.a, packed))
    path.a.zone.deliver(path.a.update_message())


def test_single_header_that_contradicts_nothing_is_no_misbehaviour() -> None:
    path = make_path()
    path.open_clients()
    path.b.zone.next_block()
    header = path.a.update_message().client_message
    with refused_with("client/13"):
        path.a.zone.deliver(_submit(path.a, header))


def test_misbehaviour_of_an_unknown_client_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    message = _submit(path.a, fork_evidence(path.a))
    message.client_id = "07-tendermint-9"
    with refused_with("client/4"):
        path.a.zone.deliver(message)


# --- recovery -----------------------------------------------------------------------------


def recover(end: Endpoint, subject: str, substitute: str) -> Any:
    return end.zone.deliver(
        client_tx_pb2.MsgRecoverClient(
            subject_client_id=subject, substitute_client_id=substitute, signer=RELAYER
        )
    )


def test_frozen_client_is_recovered_from_a_newer_one() -> None:
    path = make_path()
    path.open_clients()
    frozen = path.a.client_id
    path.a.zone.deliver(_submit(path.a, fork_evidence(path.a)))
    path.b.zone.next_block()
    recover(path.a, frozen, client_of(path.a))
    (told,) = path.a.zone.told("recover_client")
    assert told["subject_client_id"] == frozen
    path.a.client_id = frozen
    path.a.catch_up()


def test_what_was_known_before_a_recovery_is_gone_and_counted() -> None:
    path = make_path()
    path.open_clients()
    frozen = path.a.client_id
    for _ in range(3):
        path.b.zone.next_block()
        path.a.update_client()
    before = path.a.trusted_height
    path.a.zone.deliver(_submit(path.a, fork_evidence(path.a)))
    path.b.zone.next_block()
    substitute = client_of(path.a)
    recover(path.a, frozen, substitute)
    path.a.client_id = frozen
    store = path.a.zone.context().store(keys.STORE)
    path.b.zone.next_block()
    known = list(light_client.iterate_consensus_heights(store, frozen))
    assert known == [light_client.latest_height(store, substitute)]
    assert consensus_states.get_consensus_state_count(store, frozen) == 1
    with refused_with("client/7"):
        path.a.zone.deliver(path.a.update_message(trusted_height=before))
    path.a.update_client()


def test_recovery_is_rejected_for_each_reason() -> None:
    path = make_path()
    path.open_clients()
    active = path.a.client_id
    second = client_of(path.a)
    with refused_with("client/24"):
        recover(path.a, active, second)
    with refused_with("client/4"):
        recover(path.a, active, "07-tendermint-9")
    with refused_with("client/4"):
        recover(path.a, "07-tendermint-9", active)
    with refused_with("host/2"):
        recover(path.a, "a/b", active)
    path.a.client_id = active
    path.a.zone.deliver(_submit(path.a, fork_evidence(path.a)))
    with refused_with("client/26"):
        recover(path.a, active, second)


def test_recovery_from_another_type_of_client_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    ctx = path.a.zone.context()
    ctx.store(keys.STORE).set(keys.client_state("06-solomachine-0"), b"\x01")
    path.a.zone.take(ctx)
    with refused_with("client/32"):
        recover(path.a, path.a.client_id, "06-solomachine-0")


# --- upgrade ------------------------------------------------------------------------------


def upgrade_message(end: Endpoint) -> client_tx_pb2.MsgUpgradeClient:
    chain = end.other.zone.chain
    upgraded = chain.client_state(chain.height + 100)
    return client_tx_pb2.MsgUpgradeClient(
        client_id=end.client_id,
        client_state=client_state_to_any(upgraded),
        consensus_state=consensus_state_to_any(chain.consensus_state(chain.height)),
        proof_upgrade_client=b"\x01",
        proof_upgrade_consensus_state=b"\x01",
        signer=RELAYER,
    )


def _put_something(ctx: Context, state: dict[str, Any]) -> None:
    ctx.store("upgrade").set(b"genesis", b"1")


def test_client_follows_its_chain_through_a_proven_upgrade() -> None:
    upgrades = Module(name="upgrade", store="upgrade", init_genesis=_put_something)
    path = make_path(extra_modules=[upgrades])
    path.open_clients()
    chain = path.b.zone.chain
    last = path.b.zone.height.revision_height + 1
    upgraded = replace(
        chain.client_state(chain.height),
        chain_id="chongqing-2",
        latest_height=Height(2, 1),
    )
    consensus_state = consensus_state_to_any(chain.consensus_state(chain.height))
    places = [
        upgrade_path_of(UPGRADE_PATH, chain.height_of(last), kind)[1]
        for kind in ("upgradedClient", "upgradedConsState")
    ]
    ctx = path.b.zone.context()
    store = ctx.store("upgrade")
    committed = client_state_to_any(committed_form(upgraded))
    store.set(places[0], committed.SerializeToString())
    store.set(places[1], consensus_state.SerializeToString())
    path.b.zone.take(ctx)
    path.a.catch_up()
    proofs = [path.b.zone.prove("upgrade", place).proof for place in places]
    path.a.zone.deliver(
        client_tx_pb2.MsgUpgradeClient(
            client_id=path.a.client_id,
            client_state=client_state_to_any(upgraded),
            consensus_state=consensus_state,
            proof_upgrade_client=proofs[0],
            proof_upgrade_consensus_state=proofs[1],
            signer=RELAYER,
        )
    )
    (told,) = path.a.zone.told("upgrade_client")
    assert told["consensus_height"] == "2-1"


def test_upgrade_without_proof_of_the_other_chain_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    message = upgrade_message(path.a)
    with pytest.raises(Exception, match="proof") as refused:
        path.a.zone.deliver(message)
    assert getattr(refused.value, "codespace", "") in {"commitment", "codec"}
    message.proof_upgrade_client = b""
    with refused_with("commitment/2"):
        path.a.zone.deliver(message)
    lower = upgrade_message(path.a)
    chain = path.b.zone.chain
    lower.client_state.CopyFrom(client_state_to_any(chain.client_state(1)))
    with refused_with("client/25"):
        path.a.zone.deliver(lower)
    lower.client_id = "07-tendermint-9"
    with refused_with("client/4"):
        path.a.zone.deliver(lower)


# --- parameters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "allowed",
    [[], [""], ["07-tendermint", "07-tendermint"], ["*", "07-tendermint"], ["x"] * 17],
)
def test_wrong_client_params_are_rejected(allowed: list[str]) -> None:
    end = make_path().a
    with refused_with("ibc/8"):
        end.zone.deliver(
            client_tx_pb2.MsgUpdateParams(
                signer=RELAYER, params=client_pb2.Params(allowed_clients=allowed)
            )
        )


@pytest.mark.parametrize(
    ("time_ns", "code"), [(0, "ibc/8"), (2**63, "ibc/8"), (1, ""), (2**63 - 1, "")]
)
def test_time_per_block_must_be_above_zero(time_ns: int, code: str) -> None:
    end = make_path().a
    message = connection_tx_pb2.MsgUpdateParams(
        signer=RELAYER,
        params=connection_pb2.Params(max_expected_time_per_block=time_ns),
    )
    if not code:
        end.zone.deliver(message)
        return
    with refused_with(code):
        end.zone.deliver(message)
