"""A relayer in service: lies, poison, dead zones, several accounts, idle links."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from huitong.client import Sender, ZoneClient
from huitong.localnet.process import NodeProcess
from huitong.node.home import Home
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.relayer import courier as courier_module
from huitong.relayer import messages
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.discovery import get_client_status
from huitong.relayer.supervisor import Supervisor
from huitong.relayer.watch import RelayWatch
from huitong.relayer.watch.register import RELAYER_METRICS
from huitong.testing.command import CommandError, run_huitong
from tests.e2e.forging import show_forged_header
from tests.e2e.relaying import (
    Relayer,
    config_of,
    grant,
    keys_of,
    request,
    running_zones,
    statuses,
    supervised,
    until,
    wait_until_settled,
    with_zone_options,
)

pytestmark = pytest.mark.slow

GRANTED = exchange_pb2.EXCHANGE_STATUS_GRANTED
WANTED = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")


@pytest.fixture
def zones(tmp_path):
    with running_zones(tmp_path) as running:
        yield running


async def linked(zones, **options):
    """Make a link, with options in every zone; return configuration and link."""
    config = with_zone_options(config_of(zones), **options)
    async with Supervisor(config, keys_of(zones).__getitem__) as supervisor:
        link = await supervisor.make_link(WANTED)
        return supervisor.config, link


async def lie(host: NodeProcess, client_id: str, liar: NodeProcess) -> None:
    """Let a client on ``host`` believe a second header of ``liar``."""
    async with ZoneClient(host.rpc_url) as there, ZoneClient(liar.rpc_url) as chain:
        sender = Sender(there, host.private_key("relayer-2"))
        key = Home(liar.home).load_key()
        await show_forged_header(sender, client_id, chain, key)


async def client_status(zone: NodeProcess, client_id: str) -> str:
    async with ZoneClient(zone.rpc_url) as client:
        return await get_client_status(client, client_id)


async def wait_until_frozen(zone: NodeProcess, client_id: str) -> None:
    async with asyncio.timeout(60):
        while await client_status(zone, client_id) != "Frozen":
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "started later"])
async def test_second_header_of_a_zone_freezes_its_client_elsewhere(zones, is_running):
    provider, requester = zones
    config, link = await linked(zones)
    if not is_running:
        await lie(requester, link.client_on_b, provider)
    async with supervised(config, keys_of(zones)) as supervisor:
        if is_running:
            await until(lambda: supervisor.status()[0][1].ready)
            await lie(requester, link.client_on_b, provider)
        await wait_until_frozen(requester, link.client_on_b)
        await until(lambda: "frozen" in supervisor.status()[0][1].problem)
        status = supervisor.status()[0][1]
    assert "recover-client" in status.problem
    assert status.clients["b"].status == "frozen"
    assert await client_status(provider, link.client_on_a) == "Active"


async def test_poisoned_packet_is_found_told_and_tried_again(zones, monkeypatch):
    provider, requester = zones
    config, link = await linked(zones)
    await grant(provider, link)
    poisoned = {7}
    honest = messages.packet_message

    def forge(lane, action, *, proofs, **fields):
        if action.sequence in poisoned:
            proofs = [proofs[0][:-1] + bytes([proofs[0][-1] ^ 1])]
        return honest(lane, action, proofs=proofs, **fields)

    monkeypatch.setattr(courier_module.messages, "packet_message", forge)
    await request(requester, link, 100)
    async with supervised(config, keys_of(zones)) as supervisor:
        await until(lambda: supervisor.status()[0][1].settled == 99)
        await until(lambda: supervisor.status()[0][1].stuck_count == 1)
        (stuck,) = supervisor.status()[0][1].stuck
        assert (stuck.sent_by, stuck.sequence) == ("chongqing-1", 7)
        assert stuck.stage == "receive on hangzhou-1"
        assert stuck.reason
        assert (await statuses(requester, link)).count(GRANTED) == 99
        poisoned.clear()
        await wait_until_settled(requester, link)
        await until(lambda: supervisor.status()[0][1].stuck_count == 0)
    assert await statuses(requester, link) == [GRANTED] * 100


async def test_zone_that_is_away_does_not_stop_the_other_links(zones):
    provider, requester = zones
    config, link = await linked(zones)
    await grant(provider, link)
    away = ZoneConfig(chain_id="lhasa-1", rpc="tcp://127.0.0.1:1", key="hangzhou-1")
    config = replace(
        config,
        zones=(*config.zones, away),
        links=(LinkConfig(chain_a="hangzhou-1", chain_b="lhasa-1"), *config.links),
    )
    async with supervised(config, keys_of(zones)) as supervisor:
        await request(requester, link, 20)
        await wait_until_settled(requester, link)
        (_, broken), (_, served) = supervisor.status()
    assert "127.0.0.1:1" in broken.problem
    assert not broken.ready
    assert served.ready
    assert served.problem == ""


async def test_several_accounts_share_the_work_and_lose_nothing(zones):
    provider, requester = zones
    config, link = await linked(zones, max_messages=5)
    await grant(provider, link)
    config = replace(
        config,
        zones=tuple(
            replace(zone, more_keys=(f"{zone.chain_id}/1", f"{zone.chain_id}/2"))
            for zone in config.zones
        ),
    )
    async with supervised(config, keys_of(zones)) as supervisor:
        await request(requester, link, 100)
        await wait_until_settled(requester, link)
        sent = [sender.sequence for sender in supervisor.endpoint("hangzhou-1").senders]
        status = supervisor.status()[0][1]
    assert await statuses(requester, link) == [GRANTED] * 100
    assert all(sequence > 0 for sequence in sent), sent
    assert status.failed_txs == 0


@pytest.mark.heavy
async def test_idle_link_outlives_its_trusting_period(zones):
    provider, requester = zones
    config, link = await linked(zones, trusting_period="24s")
    async with supervised(config, keys_of(zones)) as supervisor:
        await until(lambda: supervisor.status()[0][1].ready)
        first = {
            side: report.height
            for side, report in supervisor.status()[0][1].clients.items()
        }
        await asyncio.sleep(28)
        status = supervisor.status()[0][1]
    assert status.problem == ""
    for side, zone, client_id in (
        ("a", provider, link.client_on_a),
        ("b", requester, link.client_on_b),
    ):
        assert await client_status(zone, client_id) == "Active"
        assert status.clients[side].height > first[side]
        assert 0 < status.clients[side].expires_s <= 24


async def test_account_without_the_role_is_told_what_to_do(zones):
    provider, requester = zones
    config, link = await linked(zones)
    await grant(provider, link)
    await request(requester, link, 10)
    keys = keys_of(zones) | {"hangzhou-1": provider.private_key("tax")}
    async with supervised(config, keys) as supervisor:
        await until(lambda: supervisor.status()[0][1].problem)
        status = supervisor.status()[0][1]
    assert "needs the role relayer" in status.problem
    assert status.pending_b_to_a == 10
    assert all("role relayer" in stuck.reason for stuck in status.stuck)
    async with supervised(config, keys_of(zones)):
        await wait_until_settled(requester, link)


async def test_running_relayer_tells_metrics_health_and_status(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    config, link = await linked(zones)
    async with Supervisor(config, keys_of(zones).__getitem__) as supervisor:
        probe = RelayWatch(supervisor, "tcp://127.0.0.1:0")
        probe.stop()
    await grant(provider, link)
    relayer.configure(zones, link, watch_listen=probe.address)
    with relayer:
        await request(requester, link, 10)
        await wait_until_settled(requester, link)
        url = probe.address.replace("tcp", "http")
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            assert (await http.get(f"{url}/healthz")).status_code == 200
            assert (await http.get(f"{url}/readyz")).status_code == 200
            scraped = (await http.get(f"{url}/metrics")).text
            assert "/status" in (await http.get(f"{url}/")).text
        _check_scrape(scraped, link)
        told = json.loads(await command("status", relayer, "--json"))
        assert told["source"] == "relayer"
        assert told["links"][0]["settled"] == 10
        shown = await command("status", relayer)
        assert "10 settled" in shown
        assert "active at height" in shown
        assert relayer.end(15) == 0
        told = json.loads(await command("status", relayer, "--json"))
        assert told["source"] == "state"
        await _check_findings(relayer)


async def command(name: str, relayer: Relayer, *options: str) -> str:
    """Run a command of the relayer, which has an event loop of its own."""
    arguments = ("relay", name, f"--home={relayer.home}", *options)
    return await asyncio.to_thread(run_huitong, *arguments)


def _check_scrape(scraped: str, link: LinkConfig) -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(scraped)
    }
    for metric in RELAYER_METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert family.documentation == metric.help
        for sample in family.samples:
            assert set(sample.labels) == set(metric.labels)
    settled = {
        sample.labels["outcome"]: sample.value
        for sample in families["huitong_relayer_packets"].samples
        if sample.labels["source"] == "chongqing-1"
    }
    assert settled["acknowledged"] == 10
    (up,) = families["huitong_relayer_link_up"].samples
    assert up.value == 1
    expiry = families["huitong_relayer_client_expiry_seconds"].samples
    assert {sample.labels["client"] for sample in expiry} == {
        link.client_on_a,
        link.client_on_b,
    }


async def _check_findings(relayer: Relayer) -> None:
    found = json.loads(await command("check", relayer, "--json"))
    assert found["ok"]
    assert len(found["findings"]) == 6  # two zones, two accounts, two clients
    relayer.keyring.add("stranger", bytes([5]) * 32, None)
    path = relayer.home / "relay.toml"
    path.write_text(path.read_text().replace('key = "hangzhou-1"', 'key = "stranger"'))
    with pytest.raises(CommandError, match="no such account"):
        await command("check", relayer)
