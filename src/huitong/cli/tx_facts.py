"""``huitong tx fact`` and ``huitong tx anchor``: facts of other zones, anchors of logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, Final

import click
from google.protobuf.message import Message

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.zones import (
    hex_bytes,
    message_object,
    outcome_object,
    send,
    show,
    signing_options,
    unlock_key,
    with_zone,
)
from huitong.client import ProvenValue, Sender, ZoneClient
from huitong.client.fact_proofs import get_source_view, prove_for_fact
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.height import Height
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.modules.anchors.state import KINDS, kind_name
from huitong.modules.records import STORE as RECORDS_STORE
from huitong.modules.records import record_key
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.relayer.headers import HeaderSource

_KINDS: Final = {kind_name(kind): kind for kind in KINDS}
_other_node_option = click.option(
    "--other-node",
    metavar="URL",
    required=True,
    help="RPC of a node of the other zone; it is not believed.",
)
_update_option = click.option(
    "--update-client",
    is_flag=True,
    help="First show the newest header to the light client, in the same transaction; "
    "the key needs the role relayer as well.",
)
#: Makes a message of signer, what is proven, and the height of its proof.
_Make = Callable[[str, ProvenValue, Height], Message]


@click.group()
def fact() -> None:
    """Prove what another zone holds to this one, so that its rules may use it."""


@fact.command("import")
@click.argument("source")
@click.argument("issuer", required=False)
@click.argument("record_id", required=False)
@click.option("--store", help="Store of the other zone, instead of a record.")
@click.option("--key", metavar="HEX", help="Key in --store.")
@_other_node_option
@_update_option
@signing_options
@cli_errors
def import_fact(
    source: str,
    issuer: str | None,
    record_id: str | None,
    store: str | None,
    key: str | None,
    other_node: str,
    **signing: Any,
) -> None:
    """Import the record RECORD_ID of ISSUER, or any key, over SOURCE.

    SOURCE is a connection of this zone, or a light client; rules that use the fact name
    the same one. The proof is taken from --other-node at the newest height that the light
    client here knows. That nothing stands there is a fact as well.
    """
    place = _place(issuer, record_id, store, key)

    def make(signer: str, proven: ProvenValue, height: Height) -> Message:
        return facts_pb2.MsgImportFact(
            signer=signer,
            source=source,
            store=place[0],
            key=place[1],
            value=proven.value or b"",
            absent=proven.value is None,
            proof=proven.proof,
            proof_height=height.to_proto(),
        )

    async def find(zone: ZoneClient) -> tuple[str, str, bytes]:
        return (source, *place)

    _prove_and_send(
        find, other_node, make, response=facts_pb2.MsgImportFactResponse, **signing
    )


@fact.command()
@click.argument("fact_id", callback=hex_bytes(DIGEST_SIZE_BYTES))
@_other_node_option
@_update_option
@signing_options
@cli_errors
def refresh(fact_id: bytes, other_node: str, **signing: Any) -> None:
    """Bring a newer proof for FACT_ID; any account may, and a revocation acts at once."""

    def make(signer: str, proven: ProvenValue, height: Height) -> Message:
        return facts_pb2.MsgRefreshFact(
            signer=signer,
            fact_id=fact_id,
            value=proven.value or b"",
            absent=proven.value is None,
            proof=proven.proof,
            proof_height=height.to_proto(),
        )

    async def find(zone: ZoneClient) -> tuple[str, str, bytes]:
        answer = await zone.query(
            "/huitong.facts.v1.Query/Fact",
            facts_pb2.QueryFactRequest(fact_id=fact_id),
            facts_pb2.QueryFactResponse,
        )
        known = answer.fact.fact
        return known.source, known.store, known.key

    _prove_and_send(
        find, other_node, make, response=facts_pb2.MsgRefreshFactResponse, **signing
    )


@click.command()
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("stream")
@click.option("--sequence", type=Number(min=1), required=True, help="1, 2, … no gaps.")
@click.option(
    "--root",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="Merkle root (RFC 6962) over the lines.",
)
@click.option("--count", type=Number(min=1), required=True, help="Lines in the batch.")
@click.option("--first-time", type=Number(min=1), required=True, help="Nanoseconds.")
@click.option("--last-time", type=Number(min=1), required=True, help="Nanoseconds.")
@click.option(
    "--previous-root",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    help="Root of the batch before; none for the first.",
)
@signing_options
@cli_errors
def anchor(
    kind: str,
    stream: str,
    sequence: int,
    root: bytes,
    count: int,
    first_time: int,
    last_time: int,
    previous_root: bytes,
    **signing: Any,
) -> None:
    """Anchor the next batch of the log STREAM of the signer's member.

    A gateway does this by itself. `huitong query anchors` shows what is anchored.
    """
    send(
        lambda signer: anchors_pb2.MsgAnchor(
            signer=signer,
            kind=_KINDS[kind],
            stream=stream,
            sequence=sequence,
            root=root,
            count=count,
            first_time=first_time,
            last_time=last_time,
            previous_root=previous_root,
        ),
        response=anchors_pb2.MsgAnchorResponse,
        **signing,
    )


def _place(
    issuer: str | None, record_id: str | None, store: str | None, key: str | None
) -> tuple[str, bytes]:
    """Return store and key of what is to be proven."""
    if store is None and key is None and issuer and record_id:
        return RECORDS_STORE, record_key(issuer, record_id)
    if issuer is None and store and key:
        try:
            return store, bytes.fromhex(key)
        except ValueError:
            raise click.BadParameter(f"{key!r} is not hexadecimal") from None
    raise click.UsageError("say either ISSUER and RECORD_ID, or --store and --key")


def _prove_and_send(
    find: Callable[[ZoneClient], Awaitable[tuple[str, str, bytes]]],
    other_node: str,
    make: _Make,
    *,
    response: type[Message],
    update_client: bool,
    node: str,
    key_name: str,
    home: Path,
    passphrase_file: IO[str] | None,
    gas: int,
    as_json: bool,
) -> None:
    """Take the proof from the other zone, send it to this one, and show the outcome."""
    private_key = unlock_key(home, key_name, passphrase_file)

    async def run(zone: ZoneClient) -> dict[str, Any]:
        sender = Sender(zone, private_key)
        source, store, key = await find(zone)
        messages: list[Message] = []
        async with ZoneClient(other_node) as other:
            height = None
            if update_client:
                messages, height = await _updates(zone, other, source, sender.address)
            proven, height = await prove_for_fact(
                zone, other, source, store, key, height=height
            )
        messages.append(make(sender.address, proven, height))
        outcome = await sender.send(*messages, gas_limit=gas)
        return {
            **outcome_object(outcome),
            "source_height": str(height),
            "response": message_object(outcome.response(response, len(messages) - 1)),
        }

    show(with_zone(node, run), as_json=as_json)


async def _updates(
    zone: ZoneClient, other: ZoneClient, source: str, signer: str
) -> tuple[list[Message], Height | None]:
    """Return the messages that bring the client to the newest header, and its height.

    None where the connection has a delay, for a header that has just come is of no use.
    """
    view = await get_source_view(zone, source)
    newest = await other.latest_height()
    known = view.latest_height.revision_height
    if newest <= known or view.delay_period_ns:
        return [], None
    headers = HeaderSource(other, view.latest_height.revision_number)

    async def trust_level() -> TrustLevel:
        return view.trust_level

    return [
        client_tx_pb2.MsgUpdateClient(
            client_id=view.client_id, client_message=message, signer=signer
        )
        for message in await headers.client_messages(newest, known, trust_level)
    ], Height(view.latest_height.revision_number, newest)
