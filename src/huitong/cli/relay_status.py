"""How ``huitong relay status`` and ``once`` show links to people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click
import httpx
import orjson

from huitong.client.rpc import http_url

#: Seconds that a running relayer may take to tell how it stands.
ASK_TIMEOUT_S: Final = 5.0


def ask_running(listen: str) -> list[dict[str, Any]] | None:
    """Return what a running relayer says of its links; None if none answers.

    Args:
        listen: ``[watch] listen`` of its configuration; empty if it does not serve.
    """
    if not listen:
        return None
    try:
        answer = httpx.get(
            f"{http_url(listen)}/status", timeout=ASK_TIMEOUT_S, trust_env=False
        )
        links: list[dict[str, Any]] = orjson.loads(answer.content)["links"]
    except (httpx.HTTPError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return links


def show_links(links: list[dict[str, Any]], *, source: str, as_json: bool) -> None:
    """Print how links stand.

    Args:
        links: identifiers and status of each.
        source: ``relayer`` if a running one told, ``state`` if the zones did.
        as_json: whether to print one object.
    """
    if as_json:
        click.echo(orjson.dumps({"links": links, "source": source}))
        return
    if not links:
        click.echo("no links")
    for index, link in enumerate(links):
        if index:
            click.echo()
        for line in _lines(link):
            click.echo(line)


def _lines(link: dict[str, Any]) -> Iterator[str]:
    a, b = link["chain_a"], link["chain_b"]
    kind = "ordered" if link["ordered"] else "unordered"
    yield f"{a} {link['channel_on_a']} - {b} {link['channel_on_b']} ({link['port_on_a']}, {kind})"
    yield f"  connection  {link['connection_on_a']} - {link['connection_on_b']}"
    for side, own, across in (("a", a, b), ("b", b, a)):
        if client := link["clients"].get(side):
            yield f"  client      {client['client_id']} of {across} on {own}: {_client(client)}"
    for side, own, across in (("a", a, b), ("b", b, a)):
        if found := link["directions"].get(side):
            yield f"  packets     {own} to {across}: {_direction(found)}"
    if link["sent_txs"]:
        yield f"  sent        {link['sent_txs']} transactions, {link['failed_txs']} refused"
    for item in link["stuck"]:
        yield (
            f"  stuck       {item['sent_by']} {item['channel_id']} #{item['sequence']}, "
            f"{item['stage']}: {item['reason']} "
            f"({item['attempts']} attempts, for {_duration(item['since_s'])})"
        )
    if more := link["stuck_count"] - len(link["stuck"]):
        yield f"  stuck       {more} more"
    if link["problem"]:
        problem = " ".join(link["problem"].split("\n"))
        yield f"  problem     {problem} (for {_duration(link['problem_s'])})"


def _client(client: dict[str, Any]) -> str:
    if client["status"] != "active":
        return str(client["status"] or "not asked yet")
    return (
        f"active at height {client['height']}, expires in "
        f"{_duration(client['expires_s'])} unless refreshed"
    )


def _direction(found: dict[str, Any]) -> str:
    if not found["pending"]:
        told = "nothing waits"
    else:
        told = f"{found['pending']} wait"
        parts = [
            f"{found[name]} {text}"
            for name, text in (
                ("to_receive", "to be received"),
                ("undecided", "to be answered there"),
                ("to_acknowledge", "to be acknowledged"),
                ("missing", "without contents"),
            )
            if found[name]
        ]
        told += f" ({', '.join(parts)})"
    if found["last_settled_s"]:
        last = datetime.fromtimestamp(found["last_settled_s"], UTC)
        told += f"; {found['settled']} settled, last {last:%Y-%m-%d %H:%M:%S} UTC"
    return told


def _duration(seconds: int) -> str:
    """Return a time in its two largest units."""
    if seconds < 0:
        return f"-{_duration(-seconds)}"
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= size or (unit == "s" and not parts):
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
    return " ".join(parts[:2])
