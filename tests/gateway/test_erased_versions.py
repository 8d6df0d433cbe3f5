"""Who is erased is erased from every version of its records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from huitong.client.sender import Sender
from huitong.core.hashing import sha256
from huitong.gateway.exchange.orders import PublishOrder
from huitong.gateway.vault.errors import VaultErasedError
from huitong.proto.huitong.records.v1 import records_pb2
from tests.gateway.exchange_kit import (
    DirectPeers,
    Gateway,
    linked_nodes,
    make_gateway,
    publication,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SUBJECT = sha256(b"a person")


@pytest.fixture
async def bureau(tmp_path: Path) -> AsyncIterator[Gateway]:
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(
                make_gateway(tmp_path / "bureau", nodes[0], nodes[1], DirectPeers())
            )
            await stack.enter_async_context(made.running())
            yield made


async def _published(bureau: Gateway, order: PublishOrder) -> bytes:
    """Publish, and return the digest of the payload."""
    done = await bureau.exchanges.publish(order)
    step = await bureau.outbox.wait(done.step_id, 60)
    assert step.state == "done", step.error
    return done.payload_digest


async def _version(bureau: Gateway, number: int, previous: int) -> bytes:
    """Publish a version as the REST interface does: with no word of type or subject."""
    return await _published(
        bureau,
        publication(
            number,
            key=f"{number}/{previous}",
            document=b'{"number":"%d","version":%d}' % (number, previous + 1),
            record_type="",
            title="",
            previous_version=previous,
        ),
    )


async def test_new_version_is_forgotten_with_the_subject_of_the_first(
    bureau: Gateway,
) -> None:
    digests = [await _published(bureau, publication(1, subject=SUBJECT))]
    digests += [await _version(bureau, 1, previous) for previous in (1, 2)]
    other = await _published(bureau, publication(2))
    for digest in (*digests, other):
        await bureau.vault.open(digest)
    await bureau.vault.erase_subject(SUBJECT)
    for digest in digests:
        with pytest.raises(VaultErasedError):
            await bureau.vault.open(digest)
    await bureau.vault.open(other)


async def test_version_of_a_record_that_this_gateway_did_not_publish_is_forgotten_too(
    bureau: Gateway,
) -> None:
    sender = Sender(bureau.zone, bureau.node.private_key("hz-tax"))
    await sender.send(
        records_pb2.MsgPublishRecord(
            signer=sender.address,
            record_id="INV-3",
            record_type="tax.invoice",
            subject=SUBJECT,
            payload_digest=sha256(b"elsewhere"),
            fields=["number"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )
    )
    digest = await _version(bureau, 3, 1)
    await bureau.vault.erase_subject(SUBJECT)
    with pytest.raises(VaultErasedError):
        await bureau.vault.open(digest)
