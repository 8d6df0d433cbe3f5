"""Where webhooks may go, and every trick by which somebody would send them elsewhere."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from huitong.core.errors import HuitongError
from huitong.gateway.webhooks.addresses import check_url, find_target
from huitong.gateway.webhooks.errors import (
    WebhookAddressError,
    WebhookDownError,
    WebhookUrlError,
)
from huitong.gateway.webhooks.lookups import LOOKUPS_MAX, Lookups
from huitong.gateway.webhooks.settings import WebhookSettings

LOOPBACK = ("127.0.0.0/8", "::1/128")


def _settings(**given: Any) -> WebhookSettings:
    return WebhookSettings(**given)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://erp.example.cn/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1",
        "https://",
        "https:///x",
        "//erp.example.cn/x",
        "erp.example.cn",
        "http://erp.example.cn/x",
        "http://10.1.2.3/x",
        "https://user@erp.example.cn/x",
        "https://user:word@erp.example.cn/x",
        "https://erp.example.cn/x#part",
        "https://erp.example.cn:99999/x",
        "https://erp.example.cn/a b",
        "https://erp.example.cn/\r\nX: y",
        "https://汇通.example/x",
        "https://[::1/x",
        "https://erp.example.cn/" + "x" * 2_048,
    ],
)
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlError):
        check_url(url, _settings(networks=LOOPBACK))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_address_of_the_inside_is_refused_by_default(host: str) -> None:
    with pytest.raises(WebhookAddressError):
        check_url(f"https://{host}/x", _settings())


@pytest.mark.parametrize("host", ["8.8.8.8", "[2001:4860:4860::8888]"])
def test_public_address_is_taken_unless_the_settings_forbid_it(host: str) -> None:
    check_url(f"https://{host}/x", _settings())
    with pytest.raises(WebhookAddressError):
        check_url(f"https://{host}/x", _settings(public=False))


def test_network_of_the_settings_is_taken_and_its_neighbour_is_not() -> None:
    settings = _settings(networks=("10.20.0.0/16",), public=False)
    check_url("https://10.20.3.4:8443/x", settings)
    check_url("https://[::ffff:10.20.3.4]/x", settings)
    with pytest.raises(WebhookAddressError):
        check_url("https://10.21.0.1/x", settings)


async def test_name_is_resolved_and_its_address_is_what_is_connected_to() -> None:
    settings = _settings(networks=LOOPBACK)
    target = await find_target("https://localhost:8443/in?a=b", settings, Lookups())
    assert target.url in (
        "https://127.0.0.1:8443/in?a=b",
        "https://[::1]:8443/in?a=b",
    )
    assert (target.host, target.host_header) == ("localhost", "localhost:8443")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        # A name that everybody has, and that leads inside.
        ("https://localhost/x", WebhookAddressError),
        ("https://no-such-name.invalid/x", WebhookDownError),
        # Other ways to write 127.0.0.1, which resolvers take.
        ("https://2130706433/x", WebhookAddressError),
        ("https://0x7f000001/x", WebhookAddressError),
        ("https://127.1/x", WebhookAddressError),
        ("https://017700000001/x", WebhookAddressError),
    ],
)
async def test_name_that_leads_inside_or_nowhere_is_refused(
    url: str, error: type[HuitongError]
) -> None:
    with pytest.raises(error):
        await find_target(url, _settings(), Lookups())


async def test_name_for_this_machine_that_leads_elsewhere_gets_no_plain_http(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def elsewhere(*_: Any, **__: Any) -> Any:
        return [(2, 1, 6, "", ("8.8.8.8", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
    with pytest.raises(WebhookAddressError):
        await find_target("http://localhost/x", _settings(), Lookups())


async def test_lookup_that_hangs_holds_up_neither_other_work_nor_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60))
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await find_target("https://erp.example.cn/x", _settings(), Lookups())
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().shutdown_default_executor()
    finally:
        answered.set()


async def test_name_is_looked_up_once_for_all_who_wait_and_names_not_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each attempt at a receiver whose name service hangs would keep a thread."""
    answered = threading.Event()
    asked: list[str] = []

    def hang(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        answered.wait(60)
        return [(2, 1, 6, "", ("8.8.8.8", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    lookups = Lookups()
    names = [f"erp-{number}.example.cn" for number in range(LOOKUPS_MAX)]
    waiting = [
        asyncio.create_task(lookups.find(name, 443)) for name in names for _ in range(3)
    ]
    try:
        while len(asked) < LOOKUPS_MAX:
            await asyncio.sleep(0.01)
        for given_up in waiting[:10]:
            given_up.cancel()
        with pytest.raises(WebhookDownError, match="too many names"):
            await lookups.find("one-more.example.cn", 443)
    finally:
        answered.set()
    found = await asyncio.gather(*waiting[10:])
    assert {str(address) for address in found} == {"8.8.8.8"}
    assert sorted(asked) == sorted(names)


@pytest.mark.parametrize("network", ["10.0.0.1/8", "x", "10.0.0.0/33", ""])
def test_network_that_is_none_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="it is not a network"):
        _settings(networks=(network,))
