"""Who shows a header of a validator that signs twice to a light client."""

from __future__ import annotations

from huitong.client import ZoneClient
from huitong.engines.validator_key import ValidatorKey
from huitong.testing.forging import forged_header, update_with
from tests.interop.kit.chain import Chain


async def show_forged_header(
    host: Chain, client_id: str, chain: ZoneClient, key: ValidatorKey
) -> None:
    """Let a light client on ``host`` believe a forged header of ``chain``."""
    trusted = (await host.client_state(client_id)).latest_height
    header = await forged_header(chain, key, trusted)
    await host.send(update_with(header, client_id, host.address))
