"""``huitong query``: facts of other zones, and anchors of members' logs."""

from __future__ import annotations

from typing import Any, Final

import click

from huitong.cli.asking import ask, show_each
from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.zones import (
    height_option,
    hex_bytes,
    json_option,
    limit_option,
    message_object,
    node_option,
    show,
    show_many,
)
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.modules.anchors.state import KINDS, kind_name
from huitong.modules.facts import record_fact_id
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2

_FACTS: Final = "/huitong.facts.v1.Query/"
_ANCHORS: Final = "/huitong.anchors.v1.Query/"
_KINDS: Final = {kind_name(kind): kind for kind in KINDS}
_after_option = click.option(
    "--after-key",
    "after",
    default="",
    metavar="HEX",
    help="Go on where another page ended.",
)


@click.group()
def fact() -> None:
    """Values of other zones that are proven to this one."""


@fact.command("show")
@click.argument("fact_id", callback=hex_bytes(DIGEST_SIZE_BYTES))
@height_option
@node_option
@json_option
@cli_errors
def show_fact(fact_id: bytes, height: int, node: str, as_json: bool) -> None:
    """Show FACT_ID, and whether a rule may use it now."""
    request = facts_pb2.QueryFactRequest(fact_id=fact_id)
    found = ask(node, _FACTS + "Fact", request, facts_pb2.QueryFactResponse, height)
    show(message_object(found.fact), as_json=as_json)


@fact.command("record")
@click.argument("source")
@click.argument("issuer")
@click.argument("record_id")
@height_option
@node_option
@json_option
@cli_errors
def show_record(
    source: str, issuer: str, record_id: str, height: int, node: str, as_json: bool
) -> None:
    """Show the fact about RECORD_ID of ISSUER over SOURCE."""
    request = facts_pb2.QueryFactRequest(
        fact_id=record_fact_id(source, issuer, record_id)
    )
    found = ask(node, _FACTS + "Fact", request, facts_pb2.QueryFactResponse, height)
    show(message_object(found.fact), as_json=as_json)


@fact.command("list")
@click.option("--source", default="", help="Only of this connection or client.")
@click.option("--issuer", default="", help="Only about records of this member.")
@click.option("--record", "record_id", default="", help="Only about this record.")
@limit_option
@_after_option
@node_option
@json_option
@cli_errors
def list_facts(
    source: str,
    issuer: str,
    record_id: str,
    limit: int,
    after: str,
    node: str,
    as_json: bool,
) -> None:
    """List facts by source, or by the record that they are about."""
    if (source and issuer) or (record_id and not issuer):
        raise click.UsageError("say --source, or --issuer with or without --record")
    start = _hex(after)
    found: Any
    if issuer:
        of_record = facts_pb2.QueryRecordFactsRequest(
            issuer=issuer, record_id=record_id, start_after=start, limit=limit
        )
        response = facts_pb2.QueryRecordFactsResponse
        found = ask(node, _FACTS + "RecordFacts", of_record, response)
    else:
        of_source = facts_pb2.QueryFactsRequest(
            source=source, start_after=start, limit=limit
        )
        found = ask(node, _FACTS + "Facts", of_source, facts_pb2.QueryFactsResponse)
    _show_page("facts", found.facts, found.next, as_json)


@fact.command()
@height_option
@node_option
@json_option
@cli_errors
def params(height: int, node: str, as_json: bool) -> None:
    """Show how long facts are usable."""
    request, response = facts_pb2.QueryParamsRequest(), facts_pb2.QueryParamsResponse
    found = ask(node, _FACTS + "Params", request, response, height)
    show(message_object(found.params), as_json=as_json)


@click.group()
def anchors() -> None:
    """Roots over logs that members keep off chain."""


@anchors.command("show")
@click.argument("member_id")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("stream")
@click.option("--sequence", type=Number(min=0), default=0, help="0: the newest.")
@height_option
@node_option
@json_option
@cli_errors
def show_anchor(
    member_id: str,
    kind: str,
    stream: str,
    sequence: int,
    height: int,
    node: str,
    as_json: bool,
) -> None:
    """Show one anchor of the log STREAM of MEMBER_ID."""
    request = anchors_pb2.QueryAnchorRequest(
        member_id=member_id, kind=_KINDS[kind], stream=stream, sequence=sequence
    )
    response = anchors_pb2.QueryAnchorResponse
    found = ask(node, _ANCHORS + "Anchor", request, response, height)
    show(message_object(found.anchor), as_json=as_json)


@anchors.command("list")
@click.argument("member_id")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("stream")
@click.option("--after", type=Number(min=0), default=0, help="Begin behind this one.")
@limit_option
@node_option
@json_option
@cli_errors
def list_anchors(
    member_id: str,
    kind: str,
    stream: str,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the anchors of the log STREAM of MEMBER_ID, the oldest first."""
    request = anchors_pb2.QueryAnchorsRequest(
        member_id=member_id,
        kind=_KINDS[kind],
        stream=stream,
        start_after=after,
        limit=limit,
    )
    response = anchors_pb2.QueryAnchorsResponse
    found = ask(node, _ANCHORS + "Anchors", request, response)
    show_each("anchors", found.anchors, as_json)


@anchors.command()
@click.argument("member_id")
@limit_option
@_after_option
@node_option
@json_option
@cli_errors
def streams(member_id: str, limit: int, after: str, node: str, as_json: bool) -> None:
    """List the logs of MEMBER_ID, each by its newest anchor."""
    request = anchors_pb2.QueryStreamsRequest(
        member_id=member_id, start_after=_hex(after), limit=limit
    )
    response = anchors_pb2.QueryStreamsResponse
    found = ask(node, _ANCHORS + "Streams", request, response)
    _show_page("streams", found.newest, found.next, as_json)


def _show_page(name: str, found: Any, next_key: bytes, as_json: bool) -> None:
    """Print entries, and where the next page begins if there is one."""
    entries = [message_object(item) for item in found]
    if as_json:
        show({name: entries, "next": next_key.hex()}, as_json=True)
        return
    show_many(name, entries, as_json=False)
    if next_key:
        click.echo(f"\nmore with --after-key {next_key.hex()}")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not hexadecimal") from None


#: Commands of the group ``query``.
FACTS: Final[tuple[click.Command, ...]] = (fact, anchors)
