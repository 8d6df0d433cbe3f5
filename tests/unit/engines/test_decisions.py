"""What members decide about validators and blocks, carried through the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from huitong.core.abci import BlockParams
from huitong.core.app import Application
from huitong.core.context import Context
from huitong.core.module import Module
from huitong.core.store.backend import MemoryBackend, TableReader
from huitong.engines.embedded.replay import replay
from huitong.engines.errors import QuorumLostError, StateDivergedError
from huitong.engines.validator_key import validator_key_from_seed
from huitong.light.tendermint.block_hashes import consensus_hash
from huitong.modules.consensus.handlers import (
    apply_remove_validator,
    apply_set_validator,
    apply_update_block_params,
)
from huitong.node.parts import open_application
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb
from huitong.storage.blocks import find_hook_results, find_params
from huitong.storage.results import params_update_json
from huitong.testing.embedded import EmbeddedZone
from tests.unit.engines.messages import ACCOUNTS, publish

OTHER = validator_key_from_seed(b"\x05" * 32).public_key
Decisions = Mapping[int, Callable[[Context], object]]


def set_other(power: int) -> Callable[[Context], object]:
    message = pb.MsgSetValidator(public_key=OTHER, power=power, member_id="hz-tax")
    return lambda ctx: apply_set_validator(ctx, message)


def remove_other(ctx: Context) -> object:
    return apply_remove_validator(ctx, pb.MsgRemoveValidator(public_key=OTHER))


def limit(size: int, gas: int = 30_000_000) -> Callable[[Context], object]:
    params = pb.BlockParams(size_bytes_max=size, gas_max=gas)
    message = pb.MsgUpdateBlockParams(params=params)
    return lambda ctx: apply_update_block_params(ctx, message)


def follow(app: Application, decisions: Decisions) -> Application:
    """Let decisions be carried out at the beginning of their blocks."""

    def begin_block(ctx: Context) -> None:
        decide = decisions.get(ctx.block.height.revision_height)
        if decide is not None:
            decide(ctx)

    app.modules = (
        *app.modules,
        Module(name="script", store="", begin_block=begin_block),
    )
    return app


def open_zone(
    folder: Path, decisions: Decisions, *, again: EmbeddedZone | None = None
) -> EmbeddedZone:
    zone = EmbeddedZone(
        accounts=ACCOUNTS,
        folder=folder,
        backend=again and again.backend,
        clock=again and again.clock,
    )
    follow(zone.app, decisions)
    if again is None:
        zone.start()
    return zone


def check_replay(zone: EmbeddedZone, decisions: Decisions) -> None:
    state = zone.chain.state
    fresh = follow(open_application(zone.genesis, MemoryBackend(), 10), decisions)
    rows = zone.chain.snapshot()
    report = replay(zone.genesis, rows, state.height, fresh, state.app_hash)
    assert report.height == state.height


def test_new_limits_bind_from_the_next_block_on(tmp_path: Path) -> None:
    decisions = {4: limit(6_000)}
    zone = open_zone(tmp_path, decisions)
    blocks = [zone.empty() for _ in range(4)]
    default = zone.genesis.params
    before = consensus_hash(default.block_size_bytes_max, default.block_gas_max)
    after = consensus_hash(6_000, 30_000_000)
    hashes = [item.block.header.consensus_hash for item in blocks]
    assert hashes == [before, before, after, after]
    assert zone.app.block_gas_max == 30_000_000
    zone = open_zone(tmp_path, decisions, again=zone)
    assert zone.empty().block.header.consensus_hash == after
    check_replay(zone, decisions)


def test_blocks_keep_to_new_limits(tmp_path: Path) -> None:
    zone = open_zone(tmp_path, {4: limit(5_100), 5: limit(5_000_000, 250_000)})
    zone.empty()
    zone.empty()
    for number in range(6):
        assert zone.send("tax", publish(zone, f"A-{number}")).code == 0
    block = zone.work()
    assert block.block.size_bytes <= 5_100
    assert 0 < len(block.txs) < 5
    assert len(zone.work().txs) == 1, "each wants 200,000 of gas"


def _rows(zone: EmbeddedZone) -> TableReader:
    return zone.chain.snapshot()


def test_limits_and_their_change_can_be_looked_up_by_height(tmp_path: Path) -> None:
    zone = open_zone(tmp_path, {4: limit(6_000), 6: limit(7_000)})
    while zone.chain.state.height < 7:
        zone.empty()
    found = [find_params(_rows(zone), height) for height in (1, 4, 5, 6, 7, 8)]
    sizes = [item.size_bytes_max if item else 0 for item in found]
    default = zone.genesis.params.block_size_bytes_max
    assert sizes == [default, default, 6_000, 6_000, 7_000, 7_000]
    hooks = find_hook_results(_rows(zone), 4)
    assert hooks is not None
    wanted = BlockParams(size_bytes_max=6_000, gas_max=30_000_000)
    assert hooks.block_params == wanted
    assert params_update_json(wanted) == {
        "block": {"max_bytes": "6000", "max_gas": "30000000"}
    }
    unchanged = find_hook_results(_rows(zone), 5)
    assert unchanged is not None
    assert unchanged.block_params is None


def test_a_small_validator_joins_and_leaves_two_blocks_later(tmp_path: Path) -> None:
    decisions = {4: set_other(4), 6: remove_other}
    zone = open_zone(tmp_path, decisions)
    sizes = {}
    while zone.chain.state.height < 9:
        block = zone.empty()
        sizes[block.height] = len(block.commit.signatures)
    assert sizes == {3: 1, 4: 1, 5: 1, 6: 2, 7: 2, 8: 1, 9: 1}
    check_replay(zone, decisions)
    with pytest.raises(StateDivergedError):
        check_replay(zone, {4: set_other(4)})


def test_a_vote_that_takes_the_quorum_stops_the_node_each_time(tmp_path: Path) -> None:
    decisions = {4: set_other(5)}
    zone = open_zone(tmp_path, decisions)
    zone.empty()
    for _ in range(2):
        with pytest.raises(
            QuorumLostError, match="10 of 15 voting power from height 6"
        ) as caught:
            zone.empty()
        assert "huitong node export" in caught.value.diagnostics()
        zone = open_zone(tmp_path, decisions, again=zone)
        assert zone.chain.state.height == 3
