"""Where webhooks may go, so that nobody makes the gateway call what only it can reach.

A name is resolved at each attempt, and the connection goes to the very address that was
checked: a name that changes its address in between gains nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from huitong.gateway.webhooks.errors import (
    WebhookAddressError,
    WebhookUrlError,
)
from huitong.gateway.webhooks.lookups import Address, Lookups
from huitong.gateway.webhooks.settings import WebhookSettings

#: Characters of a URL.
URL_CHARACTERS_MAX: Final = 2_048
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """A URL with the address that a connection to it may be made to."""

    host: str
    """As the URL has it: for the certificate and the header ``Host``."""
    url: str
    """With the address in place of the host."""
    host_header: str


def check_url(url: str, settings: WebhookSettings) -> SplitResult:
    """Return the parts of a URL to which events may be sent, as far as it tells.

    Raises:
        WebhookUrlError: it is none.
        WebhookAddressError: it names an address where no webhook may go.
    """
    parts = _split(url)
    address = _literal(parts.hostname or "")
    if address is not None:
        _check_address(parts, address, settings)
    return parts


async def find_target(url: str, settings: WebhookSettings, lookups: Lookups) -> Target:
    """Return where a connection for a URL may go, now.

    Raises:
        WebhookUrlError, WebhookAddressError: nowhere.
        WebhookDownError: its name has no address.
    """
    parts = check_url(url, settings)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    address = _literal(host)
    if address is None:
        address = await lookups.find(host, port)
        _check_address(parts, address, settings)
    shown = f"[{address}]" if address.version == 6 else str(address)
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        host=host,
        url=f"{parts.scheme}://{shown}:{port}{path}{query}",
        host_header=parts.netloc,
    )


def is_allowed(address: Address, settings: WebhookSettings) -> bool:
    """Tell whether a receiver may be at an address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    networks = map(ipaddress.ip_network, settings.networks)
    if any(address in network for network in networks):
        return True
    is_public = address.is_global and not (address.is_multicast or address.is_reserved)
    return settings.public and is_public


def _split(url: str) -> SplitResult:
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable():
        raise WebhookUrlError(reason="it is too long or not of printable ASCII")
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its range
    except ValueError as error:
        raise WebhookUrlError(reason=str(error)) from None
    if parts.scheme not in _PORTS or not parts.hostname or " " in url:
        raise WebhookUrlError(reason="it is not a URL of https")
    if parts.username is not None or parts.password is not None:
        raise WebhookUrlError(reason="it holds a user or a password")
    if parts.fragment:
        raise WebhookUrlError(reason="it holds a fragment")
    address = _literal(parts.hostname)
    is_local = parts.hostname == "localhost" or bool(address and address.is_loopback)
    if parts.scheme == "http" and not is_local:
        raise WebhookUrlError(reason="http is for this machine only")
    return parts


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _check_address(
    parts: SplitResult, address: Address, settings: WebhookSettings
) -> None:
    is_plain_elsewhere = parts.scheme == "http" and not address.is_loopback
    if is_plain_elsewhere or not is_allowed(address, settings):
        raise WebhookAddressError(host=parts.hostname, address=address)
