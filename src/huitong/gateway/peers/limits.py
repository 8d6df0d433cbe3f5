"""Limits of what gateways bring to one another, each with its reason."""

from __future__ import annotations

from typing import Final

#: Payloads of one batch: a block holds some hundred statements, and what one batch costs
#: beside its bytes is small already when it is shared by so many.
BATCH_ITEMS_MAX: Final = 64
#: Bytes of one payload of a batch; larger ones go alone, as a stream, because a batch is
#: in memory on both sides.
BATCH_ITEM_SIZE_BYTES_MAX: Final = 262_144
#: Bytes of all payloads of a batch: they are in memory until they are stored.
BATCH_SIZE_BYTES_MAX: Final = 8_388_608
#: Bytes of a manifest; each payload has less than 500 there.
MANIFEST_SIZE_BYTES_MAX: Final = 65_536
#: Batches of one peer that are taken at the same time: a gateway brings three at once, and
#: those of one that was killed may be under way still.
BATCHES_PER_PEER_MAX: Final = 8
#: Single deliveries of one peer that are taken at the same time; they are streamed.
DELIVERIES_PER_PEER_MAX: Final = 32
#: Characters of the id of a call that comes with a payload, for the log.
REQUEST_ID_CHARACTERS_MAX: Final = 128
