"""Proven reads at a gateway that runs, by mutual TLS, and what the data subject sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.core.hashing import MerkleProof, verify_merkle_proof
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.access.roles import Role
from huitong.gateway.peers.certificates import (
    client_context,
    make_certificate,
    read_certificate,
    read_own_certificate,
)
from huitong.gateway.reads.errors import PeerRefusedError
from huitong.gateway.reads.transport import HttpTransport
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb
from tests.api.gateway_kit import MEMBER, Callers, init, problem_of, run

pytestmark = pytest.mark.slow
SUBJECT = "5e" * 32
WAIT_S = 60


@dataclass(frozen=True)
class Rig:
    """A gateway, and the ends of two peers: one with a zone, one of which none is told."""

    callers: Callers
    url: str
    contexts: dict[str, Any]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, node: NodeProcess) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("reads")
    home = folder / "home"
    init(home, node.rpc_url, "--key=gateway6", f"--key-from={node.home}")
    contexts = {}
    for member in ("cq-bank", "cq-court"):
        contexts[member] = _own(folder, member)
        certificate = folder / f"{member}.crt"
        done = run(
            "gateway", "peer", "add", member, "https://127.0.0.1:9",
            f"--certificate={certificate}", f"--home={home}",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    (port,) = free_ports(1)
    file = home / "gateway.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("# [peer]\n", f'[peer]\nlisten = "tcp://127.0.0.1:{port}"\n')
    text = text.replace("# [reads]\n", "[reads]\nanchor_period_s = 1\n")
    text = text.replace('[peers."cq-bank"]\n', '[peers."cq-bank"]\nzone = "cq-1"\n')
    file.write_text(text, encoding="utf-8")
    server = read_certificate(home / "peer.crt")
    with GatewayProcess(home) as gateway:
        callers = Callers(gateway)
        yield Rig(
            callers,
            f"https://127.0.0.1:{port}",
            {name: client_context(own, server) for name, own in contexts.items()},
        )
        callers.close()


def _own(folder: Path, member: str) -> Any:
    paths = folder / f"{member}.crt", folder / f"{member}.key"
    for path, data in zip(paths, make_certificate(member, "cq-1"), strict=True):
        path.write_bytes(data)
    return read_own_certificate(*paths)


async def _read(rig: Rig, member: str, record: str) -> pb.ReadAnswer:
    asked = pb.Asked(issuer=MEMBER, record_id=record, fields=["name"])
    request = pb.ReadRequest(
        request_id="r-1", chain_id="hangzhou-1", purpose="due-diligence", asked=[asked]
    )
    async with httpx.AsyncClient(
        verify=rig.contexts[member], trust_env=False
    ) as client:
        return await HttpTransport(client, rig.url, MEMBER).ask(request)


def _publish(rig: Rig, record: str) -> None:
    body = {
        "record": record,
        "record_type": "market.licence",
        "subject": SUBJECT,
        "level": 1,
        "share_class": "open",
        "document": {"name": "西泠", "number": "1"},
    }
    made = rig.callers[Role.INTEGRATOR].post("/v1/records?wait=30", json=body)
    assert made.json()["state"] == "published", made.text


async def test_read_by_a_peer_is_shown_to_the_subject_with_its_proof(rig: Rig) -> None:
    _publish(rig, "L-1")
    deadline_s = time.monotonic() + WAIT_S
    answer = await _read(rig, "cq-bank", "L-1")
    while answer.answered[0].code and time.monotonic() < deadline_s:
        answer = await _read(rig, "cq-bank", "L-1")  # provable one block later
    (given,) = answer.answered[0].given
    assert given.value.decode() == '"西泠"'
    path = f"/v1/subjects/{SUBJECT}/reads"
    for role in (Role.AUDITOR, Role.OFFICER):
        (shown,) = rig.callers[role].get(path).json()["items"]
        assert (shown["reader_zone"], shown["reader"]) == ("cq-1", "cq-bank")
        assert (shown["record"], shown["fields"]) == ("L-1", ["name"])
    while not (shown["anchor"] and shown["anchor"]["height"]):
        assert time.monotonic() < deadline_s
        (shown,) = rig.callers[Role.AUDITOR].get(path).json()["items"]
    proof = shown["anchor"]["proof"]
    verify_merkle_proof(
        MerkleProof(
            total=proof["total"],
            index=proof["index"],
            leaf_hash=bytes.fromhex(proof["leaf_hash"]),
            aunts=tuple(bytes.fromhex(aunt) for aunt in proof["aunts"]),
        ),
        root=bytes.fromhex(shown["anchor"]["root"]),
        item=bytes.fromhex(shown["line"]),
    )
    line = pb.AccessLine.FromString(bytes.fromhex(shown["line"]))
    assert abs(line.time - time.time_ns()) < 600 * NS_PER_SECOND
    other = rig.callers[Role.AUDITOR].get(f"/v1/subjects/{'00' * 32}/reads")
    assert other.json()["items"] == []


async def test_peer_whose_zone_is_not_told_reads_nothing(rig: Rig) -> None:
    with pytest.raises(PeerRefusedError, match=r"no zone is set .*reads/12"):
        await _read(rig, "cq-court", "L-1")


def test_subject_is_named_by_its_pseudonym_only(rig: Rig) -> None:
    answer = rig.callers[Role.AUDITOR].get("/v1/subjects/zhang-san/reads")
    assert problem_of(answer)[0] == 422
    refused = rig.callers[Role.SECURITY].get(f"/v1/subjects/{SUBJECT}/reads")
    assert problem_of(refused)[0] == 403
