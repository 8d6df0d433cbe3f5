"""A home belongs to the engine that made its blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.node.config import NodeConfig
from huitong.node.errors import EngineChangedError, GenesisFixedError
from huitong.node.genesis_edit import change_genesis, set_value
from huitong.node.home import Home, make_home
from huitong.node.node import run_node


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, NodeConfig(moniker="a"), "hangzhou-1")
    return made


def no_answer(*_: object) -> None:
    raise AssertionError("it must not start")


def test_home_without_blocks_takes_either_engine(home):
    home.check_engine("embedded")
    home.check_engine("cometbft")
    assert not home.has_begun()


@pytest.mark.parametrize("made_by", ["embedded", "cometbft"])
def test_blocks_of_one_engine_are_refused_by_the_other(home, made_by):
    if made_by == "embedded":
        home.sign_state_file.write_text("{}")
    else:
        (home.cometbft.data / "blockstore.db").mkdir(parents=True)
    other = {"embedded": "cometbft", "cometbft": "embedded"}[made_by]
    home.check_engine(made_by)
    with pytest.raises(EngineChangedError):
        run_node(home, NodeConfig(moniker="a", engine=other), no_answer)


def test_genesis_is_fixed_once_cometbft_has_blocks(home):
    (home.cometbft.data / "blockstore.db").mkdir(parents=True)
    assert home.has_begun()
    with pytest.raises(GenesisFixedError):
        change_genesis(home, set_value("consensus_params.block.max_gas", "5"))
