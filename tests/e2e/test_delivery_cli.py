"""A payload that goes from one gateway to the other with commands alone."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from huitong.localnet.process import NodeProcess
from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow

INVOICE = '{"account":"0331","number":"INV-7","total":113.00}'
HERE = ("--channel=channel-0", "--sequence=1")


def answer(*arguments: str) -> Any:
    return json.loads(run_huitong(*arguments, "--json"))


def refusal(*arguments: str) -> str:
    """Run a command that must fail; return its code."""
    with pytest.raises(CommandError) as refused:
        run_huitong(*arguments, "--json")
    error = json.loads(str(refused.value).split(": ", 1)[1])["error"]
    return f"{error['codespace']}/{error['code']}"


@dataclass
class Granted:
    """A bank whose request for two of three fields was granted."""

    provider: NodeProcess
    requester: NodeProcess
    relay_home: Path
    folder: Path

    @property
    def at_tax(self) -> tuple[str, ...]:
        return f"--node={self.provider.rpc_url}", f"--home={self.provider.home}"

    @property
    def at_bank(self) -> tuple[str, ...]:
        return f"--node={self.requester.rpc_url}", f"--home={self.requester.home}"

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def deliver(self, out: str = "sealed.bin", signer: str = "tax") -> tuple[str, ...]:
        return (
            *("exchange", "deliver", *HERE, f"--vault={self.file('vault')}"),
            *(f"--vault-key={self.file('vault.key')}", f"--out={self.file(out)}"),
            *(*self.at_tax, f"--from={signer}"),
        )

    def receive(self, **changes: str) -> tuple[str, ...]:
        said = {
            "sealed": "sealed.bin",
            "reader": "reader",
            "out": "disclosure.json",
            "provider": self.provider.rpc_url,
        } | changes
        return (
            *("exchange", "receive", self.file(said["sealed"]), *HERE, "--wait=0"),
            *(f"--reader-key={said['reader']}", f"--provider={said['provider']}"),
            *(f"--out={self.file(said['out'])}", f"--document={self.file('doc.json')}"),
            *(*self.at_bank, "--from=bank"),
        )

    def status(self, node: NodeProcess) -> str:
        shown = answer("exchange", "show", *HERE, f"--node={node.rpc_url}")
        return str(shown["status"])

    def relay(self) -> None:
        answer("relay", "once", f"--home={self.relay_home}")


@pytest.fixture
def granted(zones: Any, tmp_path: Path) -> Granted:
    provider, requester, relay_home = zones
    made = Granted(provider, requester, relay_home, tmp_path)
    answer("relay", "link", "hangzhou-1", "chongqing-1", f"--home={relay_home}")
    (tmp_path / "invoice.json").write_text(INVOICE)
    answer("vault", "init", made.file("vault"), f"--vault-key={made.file('vault.key')}")
    for name in ("reader", "other"):
        key = answer(
            *("keys", "reader", "add", name, "--no-passphrase"),
            f"--home={requester.home}",
        )
        if name == "reader":
            reader_key = key["public_key"]
    answer(
        *("record", "publish", "INV-7", "--type=tax.invoice"),
        *(f"--file={made.file('invoice.json')}", f"--vault={made.file('vault')}"),
        *(f"--vault-key={made.file('vault.key')}", *made.at_tax, "--from=tax"),
    )
    answer(
        *("tx", "grants", "give", "--reader=cq-bank", "--channel=channel-0"),
        *("--type=tax.invoice", "--purpose=credit", "--field=number", "--field=total"),
        *(*made.at_tax, "--from=tax"),
    )
    answer(
        *("exchange", "request", "--channel=channel-0", "--requester=cq-bank"),
        *("--issuer=hz-tax", "--record=INV-7", "--purpose=credit"),
        *("--legal-basis=contract", "--field=number", "--field=total"),
        *(f"--reader-key={reader_key}", *made.at_bank, "--from=bank"),
    )
    return made


def test_payload_is_delivered_received_and_proven_with_commands(
    granted: Granted,
) -> None:
    # The request is not there yet, or nobody has decided.
    assert refusal(*granted.deliver()) == "exchange/2"
    (granted.folder / "sealed.bin").write_bytes(b"")
    assert refusal(*granted.receive()) == "flow/3"
    (granted.folder / "sealed.bin").unlink()
    granted.relay()

    trust = granted.file("trust.json")
    nodes = [f"--node={node.rpc_url}" for node in (granted.provider, granted.requester)]
    told = answer("evidence", "trust", *nodes, *nodes, f"--out={trust}")
    assert [zone["chain_id"] for zone in told["zones"]] == ["chongqing-1", "hangzhou-1"]

    # An account that may not deliver leaves no sealed bytes.
    assert refusal(*granted.deliver(signer="relayer")) == "sdk/4"
    assert not (granted.folder / "sealed.bin").exists()

    delivered = answer(*granted.deliver())
    sealed = (granted.folder / "sealed.bin").read_bytes()
    assert delivered["size_bytes"] == len(sealed)
    assert b"INV-7" not in sealed
    assert granted.status(granted.provider) == "delivered"
    assert refusal(*granted.deliver()) == "cli/5"
    assert refusal(*granted.deliver("again.bin")) == "flow/4"
    assert (granted.folder / "sealed.bin").read_bytes() == sealed
    assert not (granted.folder / "again.bin").exists()

    received = answer(*granted.receive())
    assert received["grade"] == "proven"
    assert received["given"] == ["number", "total"]
    assert received["withheld"] == ["account"]
    assert received["sealed_digest"] == delivered["sealed_digest"]
    assert received["settled"] is False
    assert json.loads((granted.folder / "doc.json").read_text()) == {
        "number": "INV-7",
        "total": 113.0,
    }
    for name in ("disclosure.json", "doc.json", "sealed.bin"):
        assert stat.S_IMODE((granted.folder / name).stat().st_mode) == 0o600

    granted.relay()
    again = answer(*granted.receive())
    assert again["settled"] is True
    assert "tx" not in again
    assert granted.status(granted.provider) == "received"
    assert refusal(*granted.receive(out="doc.json")) == "cli/5"

    bundle = granted.file("evidence.zip")
    answer(
        *("evidence", "make", f"--provider={granted.provider.rpc_url}"),
        *(f"--requester={granted.requester.rpc_url}", "--channel=channel-0"),
        *("--sequence=1", f"--disclosure={granted.file('disclosure.json')}"),
        *(f"--home={granted.requester.home}", "--from=bank", f"--out={bundle}"),
    )
    assert answer("verify", f"--trust={trust}", bundle)["grade"] == "proven"


def test_nothing_is_kept_or_confirmed_of_what_is_not_proven(granted: Granted) -> None:
    granted.relay()
    answer(*granted.deliver())
    sealed = (granted.folder / "sealed.bin").read_bytes()
    (granted.folder / "changed.bin").write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    own = granted.requester.rpc_url
    for changes, code in (
        ({"sealed": "changed.bin"}, "sealing/5"),
        ({"reader": "other"}, "sealing/4"),
        ({"reader": "nobody"}, "keys/5"),
        ({"sealed": "none.bin"}, "cli/2"),
        ({"provider": "tcp://127.0.0.1:1"}, "zone_client/2"),
    ):
        assert refusal(*granted.receive(**changes)) == code
    # A node of another zone than the record's proves nothing.
    assert refusal(*granted.receive(provider=own)).partition("/")[0] != "cli"
    assert not (granted.folder / "disclosure.json").exists()
    assert not (granted.folder / "doc.json").exists()
    assert granted.status(granted.requester) == "granted"
