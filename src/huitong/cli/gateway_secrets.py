"""Opening the keys that a gateway works with."""

from __future__ import annotations

import os
from functools import partial
from typing import IO

from huitong.cli.passphrase import VARIABLE, find_passphrase, opened_with
from huitong.gateway.service.home import GatewayHome
from huitong.gateway.service.services import Secrets
from huitong.gateway.settings import GatewaySettings


def unlock_secrets(
    home: GatewayHome, settings: GatewaySettings, passphrase_file: IO[str] | None
) -> Secrets:
    """Return the private keys that the settings name; asks at a terminal if it must.

    Raises:
        RejectedError: no such key, or the passphrase does not open it.
    """
    passphrase = find_passphrase(passphrase_file)
    os.environ.pop(VARIABLE, None)  # no child of this process inherits it
    keys = settings.keys

    def unlock(name: str) -> bytes:
        return opened_with(partial(home.keyring.unlock, name), name, passphrase)

    return Secrets(
        account=unlock(keys.account),
        officer=unlock(keys.officer or keys.account),
        requester=unlock(keys.requester or keys.account),
        reader=opened_with(
            partial(home.reader_keys.unlock, keys.reader), keys.reader, passphrase
        ),
    )
