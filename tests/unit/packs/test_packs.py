"""Packs: every message, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError
from huitong.core.limits import PACK_VERSIONS_MAX, PACKS_MAX
from huitong.modules import packs
from huitong.modules.packs import errors
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb
from huitong.testing.contexts import MemoryZone

DIGEST = bytes(range(32))
QUERY = "/huitong.packs.v1.Query"


def install(version: str = "1.0.0", **fields: Any) -> pb.MsgInstallPack:
    values = {
        "name": "customs",
        "digest": DIGEST,
        "title": "跨境贸易",
        "source": "https://packs.example/customs",
        **fields,
    }
    return pb.MsgInstallPack(version=version, **values)


def retire(name: str = "customs", reason: str = "replaced") -> pb.MsgRetirePack:
    return pb.MsgRetirePack(name=name, reason=reason)


def new_zone(*versions: str) -> MemoryZone:
    zone = MemoryZone([packs.MODULE])
    for version in versions:
        zone.decide(install(version))
    return zone


def pack_of(zone: MemoryZone, name: str = "customs") -> pb.Pack:
    request = pb.QueryPackRequest(name=name)
    pack: pb.Pack = zone.query(f"{QUERY}/Pack", request).pack
    return pack


def versions_of(zone: MemoryZone, **fields: Any) -> pb.QueryPackVersionsResponse:
    request = pb.QueryPackVersionsRequest(name="customs", **fields)
    answer: pb.QueryPackVersionsResponse = zone.query(f"{QUERY}/PackVersions", request)
    return answer


def test_an_installed_pack_is_in_use_and_told() -> None:
    zone = new_zone("1.2.3")
    pack = pack_of(zone)
    assert pack.status == pb.PACK_STATUS_ACTIVE
    assert (pack.current.version, pack.current.digest) == ("1.2.3", DIGEST)
    assert pack.current.installed_height == 1
    (told,) = zone.told("pack_installed")
    assert told["digest"] == DIGEST.hex()


def test_a_newer_version_takes_over_and_the_history_stays() -> None:
    zone = new_zone("1.2.3", "1.10.0", "2.0.0")
    assert pack_of(zone).current.version == "2.0.0"
    assert pack_of(zone).version_count == 3
    assert [item.version for item in versions_of(zone).versions] == [
        "1.2.3",
        "1.10.0",
        "2.0.0",
    ]


def test_versions_come_in_pages() -> None:
    zone = new_zone("1.2.3", "1.10.0", "2.0.0")
    first = versions_of(zone, limit=2)
    assert first.next == "1.10.0"
    assert [item.version for item in versions_of(zone, start_after="1.10.0").versions]


def test_a_retired_pack_is_taken_back_by_a_newer_version() -> None:
    zone = new_zone("1.0.0")
    zone.decide(retire())
    assert pack_of(zone).status == pb.PACK_STATUS_RETIRED
    assert zone.told("pack_retired")[0]["reason"] == "replaced"
    zone.decide(install("1.0.1"))
    assert pack_of(zone).status == pb.PACK_STATUS_ACTIVE


def test_packs_are_listed_in_pages() -> None:
    zone = new_zone("1.0.0")
    zone.decide(install(name="tax"))
    first = zone.query(f"{QUERY}/Packs", pb.QueryPacksRequest(limit=1))
    assert ([item.name for item in first.packs], first.next) == (["customs"], "customs")
    request = pb.QueryPacksRequest(start_after="customs")
    second = zone.query(f"{QUERY}/Packs", request)
    assert ([item.name for item in second.packs], second.next) == (["tax"], "")


def _nothing(zone: MemoryZone) -> None:
    return None


def _installed(zone: MemoryZone) -> None:
    zone.decide(install("1.2.3"))


def _retired(zone: MemoryZone) -> None:
    _installed(zone)
    zone.decide(retire())


def _many_packs(zone: MemoryZone) -> None:
    ctx = zone.context()
    for index in range(PACKS_MAX):
        pack = pb.Pack(name=f"p{index}", current=pb.PackVersion(version="1.0.0"))
        packs.state.save_version(ctx, pack.name, pack.current)
        packs.state.save_pack(ctx, pack)
    zone.take(ctx)


def _many_versions(zone: MemoryZone) -> None:
    _installed(zone)
    ctx = zone.context()
    pack = packs.get_pack(ctx, "customs")
    pack.version_count = PACK_VERSIONS_MAX
    packs.state.save_pack(ctx, pack)
    zone.take(ctx)


@pytest.mark.parametrize(
    ("prepare", "message", "error"),
    [
        (_nothing, install(name="Customs"), InvalidRequestError),
        (_nothing, install(digest=b"short"), InvalidRequestError),
        (_nothing, install(title=""), InvalidRequestError),
        (_nothing, install(source="x" * 2_000), InvalidRequestError),
        (_nothing, install("1.0"), errors.PackVersionError),
        (_nothing, install("1.0.0-rc1"), errors.PackVersionError),
        (_nothing, install("01.0.0"), errors.PackVersionError),
        (_nothing, install("1.0.1000000"), errors.PackVersionError),
        (_nothing, install("1.0.٣"), errors.PackVersionError),
        (_installed, install("1.2.3"), errors.PackNotNewerError),
        (_installed, install("1.1.9"), errors.PackNotNewerError),
        (_retired, install("1.2.3"), errors.PackNotNewerError),
        (_many_packs, install(), errors.TooManyPacksError),
        (_many_versions, install("9.0.0"), errors.TooManyPackVersionsError),
        (_installed, retire(reason=""), InvalidRequestError),
        (_nothing, retire(), errors.PackNotFoundError),
        (_retired, retire(), errors.PackRetiredError),
    ],
)
def test_refusals(prepare: Any, message: Any, error: type[HuitongError]) -> None:
    zone = new_zone()
    prepare(zone)
    before = zone.export()
    with pytest.raises(error):
        zone.decide(message)
    assert zone.export() == before


def test_a_newer_version_needs_no_room_for_a_name() -> None:
    zone = new_zone("1.0.0")
    ctx = zone.context()
    for index in range(PACKS_MAX - 1):
        packs.state.save_pack(ctx, pb.Pack(name=f"p{index}"))
    zone.take(ctx)
    zone.decide(install("2.0.0"))


def test_unknown_packs_are_not_found() -> None:
    with pytest.raises(errors.PackNotFoundError):
        pack_of(new_zone())
    with pytest.raises(errors.PackNotFoundError):
        versions_of(new_zone())


def test_every_message_is_governed() -> None:
    assert all(route.governed for route in packs.MODULE.messages)


def test_an_export_makes_the_same_state_again() -> None:
    zone = new_zone("1.2.3", "1.10.0")
    zone.decide(install(name="tax"))
    zone.decide(retire())
    exported = zone.export()
    again = MemoryZone([packs.MODULE], genesis=exported)
    assert again.export() == exported
    assert again.state.dump() == zone.state.dump()


def _version(version: str = "1.0.0", **fields: Any) -> dict[str, Any]:
    return {"version": version, "digest": "A" * 43 + "=", "title": "t", **fields}


def _pack(**fields: Any) -> dict[str, Any]:
    return {"name": "customs", "versions": [_version()], **fields}


@pytest.mark.parametrize(
    "state",
    [
        {"unknown": []},
        {"packs": {}},
        {"packs": [1]},
        {"packs": [_pack(other=1)]},
        {"packs": [_pack(name=1)]},
        {"packs": [_pack(name="Bad")]},
        {"packs": [_pack(retired="no")]},
        {"packs": [_pack(), _pack()]},
        {"packs": [_pack(versions=[])]},
        {"packs": [_pack(versions=[_version("2.0.0"), _version("1.0.0")])]},
        {"packs": [_pack(versions=[_version("1")])]},
        {"packs": [_pack(versions=[_version(digest="AAAA")])]},
        {"packs": [_pack(versions=[_version(title="")])]},
        {"packs": [_pack(changed_height=-1)]},
        {"packs": [_pack()] * (PACKS_MAX + 1)},
    ],
)
def test_genesis_that_cannot_be_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone([packs.MODULE], genesis={"packs": state})
