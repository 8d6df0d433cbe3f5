"""Field packs that the zone has decided to use, by digest."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.packs import handlers, queries
from huitong.modules.packs.genesis import export_genesis, init_genesis
from huitong.modules.packs.keys import STORE
from huitong.modules.packs.state import find_pack, get_pack
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb

__all__ = ["MODULE", "STORE", "find_pack", "get_pack"]

_QUERY: Final = "/huitong.packs.v1.Query"

MODULE: Final = Module(
    name="packs",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgInstallPack,
            check=handlers.check_install_pack,
            apply=handlers.apply_install_pack,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgRetirePack,
            check=handlers.check_retire_pack,
            apply=handlers.apply_retire_pack,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Pack",
            request=pb.QueryPackRequest,
            answer=queries.answer_pack,
        ),
        QueryRoute(
            path=f"{_QUERY}/Packs",
            request=pb.QueryPacksRequest,
            answer=queries.answer_packs,
        ),
        QueryRoute(
            path=f"{_QUERY}/PackVersions",
            request=pb.QueryPackVersionsRequest,
            answer=queries.answer_pack_versions,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
