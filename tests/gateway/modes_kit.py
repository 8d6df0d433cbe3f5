"""What the tests of the exchange modes do with a pair of gateways that run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result

from huitong.cli.main import main as huitong_command
from huitong.gateway.settings import GatewaySettings, load_settings
from huitong.sdk.models import Publication
from tests.gateway.pair_kit import Side

FoundT = TypeVar("FoundT")
#: Seconds to wait for what must happen by itself, on a machine that does much else.
PATIENCE_S = 120
SUBJECT = "5e" * 32


def until(look: Callable[[], FoundT | None], patience_s: float = PATIENCE_S) -> FoundT:
    """Look until something is found."""
    deadline_s = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline_s, f"it did not happen: {found!r}"
        time.sleep(0.1)
    return found


def settings_of(side: Side) -> GatewaySettings:
    """Return how a gateway runs."""
    return load_settings(side.home)


def set_up(side: Side, section: str, *lines: str) -> None:
    """Write a section of the settings that was not there, and start the gateway anew."""
    path = side.home / "gateway.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join([text, f"[{section}]", *lines, ""]), encoding="utf-8")
    side.process.stop()
    side.process.start()


def gw(side: Side, *arguments: object, key: str = "") -> Result:
    """Run ``huitong gw`` with JSON."""
    environment = {"HUITONG_GW_URL": side.url, "HUITONG_GW_KEY": key or side.api_key}
    words = [str(each) for each in arguments]
    return CliRunner().invoke(
        huitong_command, ["gw", *words, "--json"], env=environment
    )


def answer_of(done: Result) -> Any:
    """Return the object that a command has printed."""
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("{")]
    return json.loads(line)


def publish(
    side: Side, record: str, document: dict[str, Any] | None = None, **terms: Any
) -> Publication:
    """Publish an open record of a subject."""
    with side.client() as gateway:
        made = gateway.publish_record(
            record=record,
            document=document or {"name": "西泠", "number": record},
            **{
                "record_type": "market.licence",
                "subject": SUBJECT,
                "level": 1,
                "share_class": "open",
                "wait": 60,
                **terms,
            },
        )
    assert made.state == "published", made
    return made


def publish_file(side: Side, record: str, content: Path, **terms: Any) -> None:
    """Publish a file as an open record of a subject."""
    with side.client() as gateway:
        made = gateway.publish_file(
            record,
            content,
            **{
                "record_type": "market.file",
                "subject": SUBJECT,
                "level": 1,
                "share_class": "open",
                "wait": 60,
                **terms,
            },
        )
    assert made.state == "published", made


def nudge(giver: Side, taker: Side) -> None:
    """Let the relayer show the taker's zone a newer header of the giver's.

    A request for nothing is answered by a packet, which needs a header to be proven.
    """
    with taker.client() as gateway:
        gateway.create_request(
            channel=taker.channel_id,
            issuer=giver.member_id,
            record="nothing",
            purpose="header",
            wait=60,
        )


def connection_of(side: Side) -> str:
    """Return the connection of a member's zone that leads to the other one."""
    with side.client() as gateway:
        (link,) = gateway.list_links()
    return str(link.connection)
