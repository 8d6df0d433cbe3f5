"""One question to a zone, and its answer as a person or a program reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from huitong.cli.zones import message_object, show_many, with_zone
from huitong.client import ZoneClient


def ask(
    node: str, path: str, request: Message, response: type[Any], height: int = 0
) -> Any:
    """Return the answer of the node at ``node`` to one query; 0 is the newest height."""

    async def run(client: ZoneClient) -> Message:
        return await client.query(path, request, response, height)

    return with_zone(node, run)


def show_each(name: str, found: Iterable[Message], as_json: bool) -> None:
    """Print messages: as ``{name: […]}``, or in paragraphs."""
    show_many(name, [message_object(item) for item in found], as_json=as_json)
