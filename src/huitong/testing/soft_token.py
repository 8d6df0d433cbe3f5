"""A PKCS#11 token in software (SoftHSM 2), with one AES key that cannot be taken out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, final

import pkcs11

_MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    *sorted(Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
#: Variable that names SoftHSM's configuration; read when its library is first used.
_VARIABLE: Final = "SOFTHSM2_CONF"


def find_softhsm() -> Path | None:
    """Return SoftHSM's library; None if it or its tool is absent."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((path for path in _MODULES if path.is_file()), None)


@final
class SoftToken:
    """A token; one for a process, because the library reads its configuration once."""

    def __init__(self, module: Path, folder: Path) -> None:
        """Make a token in ``folder``, and point this process's library at it."""
        (folder / "tokens").mkdir(parents=True)
        config = folder / "softhsm2.conf"
        config.write_text(
            f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n"
        )
        os.environ[_VARIABLE] = str(config)
        self.module = module
        self.label = "gateway"
        self.pin = "246810"
        subprocess.run(
            [
                *("softhsm2-util", "--init-token", "--free", "--label", self.label),
                *("--pin", self.pin, "--so-pin", "135791"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def make_key(self, label: str, *, bits: int = 256) -> None:
        """Make an AES key that never leaves the token."""
        library = pkcs11.lib(str(self.module))
        # Sessions of other tests end here, and with them the login of the process.
        library.reinitialize()
        token = library.get_token(token_label=self.label)
        with token.open(rw=True, user_pin=self.pin) as session:
            session.generate_key(
                pkcs11.KeyType.AES,
                bits,
                store=True,
                label=label,
                template={
                    pkcs11.Attribute.EXTRACTABLE: False,
                    pkcs11.Attribute.SENSITIVE: True,
                },
            )
