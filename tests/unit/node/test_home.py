"""Making a home, keeping it to one process, editing its genesis."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from huitong.core.errors import HuitongError
from huitong.core.genesis import GenesisError
from huitong.core.ids import InvalidIdentifierError
from huitong.engines.errors import GenesisFileError
from huitong.node.config import NodeConfig, load_config
from huitong.node.errors import (
    GenesisEntryError,
    GenesisFixedError,
    HomeExistsError,
    HomeMissingError,
    ListenAddressError,
    NodeRunsError,
    NoStateError,
    PortInUseError,
)
from huitong.node.genesis_edit import (
    Change,
    add_account,
    add_member,
    change_genesis,
    set_value,
)
from huitong.node.home import Home, make_home, owned
from huitong.node.parts import open_zone, replay_home
from huitong.node.rpc.server import address_of, bind, split_address
from huitong.testing.actors import address_of as account_of

CONFIG = NodeConfig(moniker="a")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, CONFIG, "hangzhou-1")
    return made


def test_new_home_is_whole(home: Home) -> None:
    home.check()
    assert load_config(home.config_file) == CONFIG
    genesis = home.load_genesis()
    assert genesis.validators[0].public_key == home.load_key().public_key
    assert not home.has_begun()


def test_home_with_keys_only_may_become_a_node(tmp_path: Path) -> None:
    (tmp_path / "keyring").mkdir()
    (tmp_path / "reader-keys").mkdir()
    make_home(Home(tmp_path), CONFIG, "hangzhou-1")
    Home(tmp_path).check()


def test_existing_home_stays_as_it_is(home: Home) -> None:
    before = home.key_file.read_bytes()
    with pytest.raises(HomeExistsError):
        make_home(home, CONFIG, "hangzhou-1")
    assert home.key_file.read_bytes() == before


@pytest.mark.parametrize("chain_id", ["", "x" * 51, " "])
def test_malformed_chain_id_makes_nothing(tmp_path: Path, chain_id: str) -> None:
    with pytest.raises(InvalidIdentifierError):
        make_home(Home(tmp_path / "home"), CONFIG, chain_id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["node.toml", "genesis.json", "validator_key.json"])
def test_home_with_a_missing_file_is_refused(home: Home, missing: str) -> None:
    (home.path / "config" / missing).unlink()
    with pytest.raises(HomeMissingError):
        home.check()


def test_genesis_that_is_absent_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeMissingError):
        Home(tmp_path).load_genesis()


def test_home_belongs_to_one_process(home: Home) -> None:
    with owned(home):
        assert home.pid_file.read_text() == f"{os.getpid()}\n"
        with pytest.raises(NodeRunsError) as refused, owned(home):
            pass
        assert refused.value.fields["pid"] == str(os.getpid())
    assert not home.pid_file.exists()
    with owned(home):
        pass


def test_home_left_by_a_killed_process_can_be_taken(home: Home) -> None:
    home.pid_file.write_text("999999\n")
    with owned(home):
        assert home.pid_file.read_text() == f"{os.getpid()}\n"


# --- genesis ---------------------------------------------------------------------------


def _members(home: Home) -> Any:
    return home.load_genesis().app_state["members"]


def test_member_and_account_are_added(home: Home) -> None:
    change_genesis(
        home,
        add_member(
            "tax",
            name="税务局",
            legal_id="91330000",
            roles=["publisher", "officer"],
            encryption_key="09" * 32,
        ),
    )
    address = account_of("tax")
    change_genesis(home, add_account(address, roles=["publisher"], member_id="tax"))
    change_genesis(
        home, add_account(account_of("op"), roles=["operator"], member_id="")
    )
    state = _members(home)
    assert state["members"][0]["name"] == "税务局"
    assert state["members"][0]["roles"] == ["officer", "publisher"]
    assert [entry["address"] for entry in state["accounts"]] == [
        address,
        account_of("op"),
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda: add_account("nonsense", roles=[], member_id=""), HuitongError),
        (
            lambda: add_account(account_of("x"), roles=["king"], member_id=""),
            GenesisError,
        ),
        (
            lambda: add_account(account_of("x"), roles=[], member_id="nobody"),
            GenesisError,
        ),
        (
            lambda: add_member(
                "BAD ID", name="x", legal_id="", roles=[], encryption_key=""
            ),
            GenesisError,
        ),
        (
            lambda: add_member(
                "a", name="x", legal_id="", roles=[], encryption_key="zz"
            ),
            GenesisEntryError,
        ),
        (
            lambda: add_member(
                "a", name="x", legal_id="", roles=[], encryption_key="00"
            ),
            GenesisError,
        ),
        (lambda: set_value("surprise", "1"), GenesisEntryError),
        (lambda: set_value("chain_id.x", "1"), GenesisEntryError),
        (lambda: set_value("chain_id.x.y", "1"), GenesisEntryError),
        (lambda: set_value("validators.7.power", "1"), GenesisEntryError),
        (lambda: set_value("validators.0.power", "none"), GenesisFileError),
        (lambda: set_value("app_state.unknown.x", "1"), HuitongError),
        (lambda: set_value("genesis_time", "never"), GenesisFileError),
    ],
)
def test_wrong_change_leaves_the_file(
    home: Home, change: Any, error: type[HuitongError]
) -> None:
    before = home.genesis_file.read_bytes()
    with pytest.raises(error):
        change_genesis(home, change())
    assert home.genesis_file.read_bytes() == before


def test_entry_that_is_there_already_is_refused(home: Home) -> None:
    def member() -> Change:
        return add_member("a", name="A", legal_id="", roles=[], encryption_key="")

    change_genesis(home, member())
    with pytest.raises(GenesisEntryError):
        change_genesis(home, member())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("consensus_params.block.max_gas", "123456"),
        ("validators.0.name", "007"),
        ("validators.0.power", "25"),
        ("app_state.exchange", '{"params": {"ask_officer": false}}'),
    ],
)
def test_value_is_set_and_keeps_its_kind(home: Home, path: str, text: str) -> None:
    change_genesis(home, set_value(path, text))
    genesis = home.load_genesis()
    assert genesis.chain_id == "hangzhou-1"
    if path == "consensus_params.block.max_gas":
        assert genesis.params.block_gas_max == 123456
    if path == "validators.0.name":
        assert genesis.validators[0].name == "007"


def test_genesis_of_a_zone_that_has_begun_is_fixed(home: Home) -> None:
    home.sign_state_file.write_text("{}")
    with pytest.raises(GenesisFixedError):
        change_genesis(home, set_value("validators.0.name", "x"))


def test_zone_without_blocks_has_nothing_to_replay(home: Home) -> None:
    with open_zone(home, CONFIG) as zone:
        assert zone.chain.state.height == 0
    with pytest.raises(NoStateError):
        replay_home(home, CONFIG)


# --- addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",
        "http://127.0.0.1:1",
        "tcp://127.0.0.1",
        "tcp://:1",
        "tcp://h:x",
        "tcp://h:99999",
        "tcp://h:1/x",
        "",
    ],
)
def test_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(ListenAddressError):
        split_address(address)


def test_free_port_is_picked_and_told() -> None:
    with bind("tcp://127.0.0.1:0") as listening:
        host, port = split_address(address_of(listening))
        assert (host, port > 0) == ("127.0.0.1", True)
        with pytest.raises(PortInUseError):
            bind(address_of(listening))


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenAddressError):
        bind("tcp://192.0.2.1:1")


def test_ipv6_addresses_are_printed_with_brackets() -> None:
    assert split_address("tcp://[::1]:5") == ("::1", 5)
