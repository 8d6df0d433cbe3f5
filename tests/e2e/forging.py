"""Who shows a header of a validator that signs twice to a light client."""

from __future__ import annotations

from huitong.client import Sender, ZoneClient
from huitong.engines.validator_key import ValidatorKey
from huitong.relayer.discovery import get_client_state
from huitong.testing.forging import forged_header, update_with

#: Gas of the update; chains differ in what it takes.
GAS_LIMIT = 2_000_000


async def show_forged_header(
    sender: Sender, client_id: str, chain: ZoneClient, key: ValidatorKey
) -> None:
    """Let a light client of the sender's chain believe a forged header of ``chain``."""
    trusted = (await get_client_state(sender.client, client_id)).latest_height
    header = await forged_header(chain, key, trusted)
    update = update_with(header, client_id, sender.address)
    await sender.send(update, gas_limit=GAS_LIMIT)
