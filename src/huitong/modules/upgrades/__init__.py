"""When the zone goes on with another version of the software."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.upgrades import handlers, queries, sdk_queries
from huitong.modules.upgrades.blocks import upgrade_if_due
from huitong.modules.upgrades.errors import UpgradeNeededError
from huitong.modules.upgrades.genesis import export_genesis, init_genesis
from huitong.modules.upgrades.keys import STORE
from huitong.modules.upgrades.registry import MIGRATIONS, Migration
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2 as pb

__all__ = ["MIGRATIONS", "MODULE", "STORE", "Migration", "UpgradeNeededError"]

_QUERY: Final = "/huitong.upgrades.v1.Query"

#: Stands first among the modules of a zone: its hook runs before all others.
MODULE: Final = Module(
    name="upgrades",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgScheduleUpgrade,
            check=handlers.check_schedule_upgrade,
            apply=handlers.apply_schedule_upgrade,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgCancelUpgrade,
            check=handlers.check_cancel_upgrade,
            apply=handlers.apply_cancel_upgrade,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Plan",
            request=pb.QueryPlanRequest,
            answer=queries.answer_plan,
        ),
        QueryRoute(
            path=f"{_QUERY}/DoneUpgrade",
            request=pb.QueryDoneUpgradeRequest,
            answer=queries.answer_done_upgrade,
        ),
        QueryRoute(
            path=f"{_QUERY}/DoneUpgrades",
            request=pb.QueryDoneUpgradesRequest,
            answer=queries.answer_done_upgrades,
        ),
        *sdk_queries.QUERIES,
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=upgrade_if_due,
)
