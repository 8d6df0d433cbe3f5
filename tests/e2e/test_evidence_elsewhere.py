"""Evidence taken to a machine that has nothing else: proven there, byte for byte.

The zones of these bundles never had a database or a network, and are gone when the
bundles are verified; the machine has neither network nor gateways nor their homes.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from huitong.evidence.kinds import KINDS
from huitong.evidence.trust import encode_trust, load_trust
from huitong.evidence.verify import verify_bundle
from tests.bare_machine import FILES, HOME, BareMachine, need_namespaces
from tests.ended_kit import made_in_one_pair_of_zones

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TRUST = "trust.json"
#: Changes of each bundle that are tried; every one gives a different file.
FLIPS, CUTS = 400, 100
_SEED = 20_261_127
#: What the machine has to say of itself, before anything is believed that it says.
_PROBE = f"""
import json, os, socket, sqlite3
import huitong
tried = {{}}
for name, address in (("loopback", "127.0.0.1"), ("elsewhere", "192.0.2.1")):
    try:
        socket.create_connection((address, 80), timeout=1).close()
    except OSError as error:
        tried[name] = error.strerror
print(json.dumps({{
    "user": os.getuid(), "here": os.getcwd(), "tried": tried,
    "files": sorted(os.listdir({FILES!r})), "home": os.listdir({HOME!r}),
    "temporary": os.listdir("/tmp"), "places": sorted(os.listdir("/")),
    "project": sorted(os.listdir(os.path.dirname(os.path.dirname(
        os.path.dirname(huitong.__file__))))),
}}))
"""


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of each kind, and with what is trusted."""
    folder = tmp_path_factory.mktemp("brought") / "files"
    folder.mkdir()
    bundles, zones = made_in_one_pair_of_zones()
    for name, data in bundles.items():
        (folder / f"{name}.zip").write_bytes(data)
    headers = {
        zone.chain_id_text: zone.header_at(2).header for zone in (zones.a, zones.b)
    }
    (folder / TRUST).write_bytes(encode_trust(headers))
    folder.chmod(0o755)
    return folder


def test_there_is_a_bundle_of_every_kind(brought: Path) -> None:
    files = {path.name for path in brought.iterdir()}
    assert files == {TRUST} | {f"{name}.zip" for name in KINDS}
    assert len(KINDS) >= 10


def test_every_kind_verifies_on_a_machine_with_nothing_else(brought: Path) -> None:
    need_namespaces()
    machine = BareMachine(brought)
    _check_bare(machine, brought)
    names = [f"{name}.zip" for name in KINDS]
    done = machine.run("huitong", "verify", "--json", "--trust", TRUST, *names)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["ok"], told["grade"]) == (True, "proven")
    assert [one["failed"] for one in told["files"]] == [None] * len(names)
    assert {one["grade"] for one in told["files"]} == {"proven"}


def test_changed_bundle_fails_on_a_machine_with_nothing_else(
    brought: Path, tmp_path: Path
) -> None:
    need_namespaces()
    folder = tmp_path / "files"
    shutil.copytree(brought, folder)
    for name in KINDS:
        path = folder / f"{name}.zip"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    names = [f"{name}.zip" for name in KINDS]
    done = BareMachine(folder).run(
        "huitong", "verify", "--json", "--trust", TRUST, *names
    )
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert all(one["failed"] for one in told["files"]), told


def _check_bare(machine: BareMachine, brought: Path) -> None:
    """Check that the machine is as bare as this file says."""
    done = machine.run("python", "-c", _PROBE)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told.pop("tried") == dict.fromkeys(
        ("loopback", "elsewhere"), "Network is unreachable"
    )
    assert told["files"] == sorted(path.name for path in brought.iterdir())
    assert (told["home"], told["temporary"], told["here"]) == ([], [], FILES)
    assert set(told["project"]) <= {"src", ".venv"}
    assert not {"etc", "var", "run", "proc", "sys"} & set(told["places"])


@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_or_shortened_bundle_verifies(kind: str, brought: Path) -> None:
    data = (brought / f"{kind}.zip").read_bytes()
    trust = load_trust(brought / TRUST)
    _, zones = made_in_one_pair_of_zones()
    assert verify_bundle(data, trust, now_ns=zones.now_ns).grade == "proven"
    draw = random.Random(f"{_SEED} {kind}")
    for place in draw.sample(range(len(data)), FLIPS):
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        assert verify_bundle(bytes(changed), trust, now_ns=zones.now_ns).grade is None
    for length in (0, len(data) - 1, *draw.sample(range(1, len(data) - 1), CUTS)):
        cut = data[:length]
        assert verify_bundle(cut, trust, now_ns=zones.now_ns).grade is None
