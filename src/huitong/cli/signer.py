"""``huitong signer``: sign for CometBFT from a process of its own."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import IO

import click

from huitong.cli.errors import cli_errors
from huitong.cli.node_key import VALIDATOR
from huitong.cli.passphrase import needed_passphrase, passphrase_option
from huitong.core.ids import check_chain_id
from huitong.engines.cometbft.signer import SignerService, ValidatorSigner
from huitong.engines.cometbft.signer.sign_state import NOTHING_SIGNED, save_signed_step
from huitong.engines.cometbft.signer.signer import owned_sign_state
from huitong.engines.errors import SignStateError
from huitong.node.home import Home
from huitong.node.logs import configure_logs


@click.group()
def signer() -> None:
    """Sign for CometBFT with a validator's key, from a process of its own."""


@signer.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong-signer",
    envvar="HUITONG_SIGNER_HOME",
    help="Folder with config/validator_key.json.  [default: ~/.huitong-signer]",
)
@click.option("--chain-id", required=True, help="The only zone that the key signs for.")
@click.option(
    "--connect",
    "address",
    required=True,
    metavar="unix:///PATH",
    help="Where CometBFT waits: [cometbft] signer in the node.toml of its node.",
)
@click.option(
    "--first-use",
    is_flag=True,
    help="The key has never signed anything: begin its record. Wrong if it has.",
)
@passphrase_option("Its first line opens a sealed key.")
@cli_errors
def start(
    home: Path,
    chain_id: str,
    address: str,
    first_use: bool,
    passphrase_file: IO[str] | None,
) -> None:
    """Sign until told to stop (Ctrl-C or SIGTERM); dial CometBFT whenever it is there."""
    place = Home(home)
    check_chain_id(chain_id)
    configure_logs("info", "auto")
    is_sealed = place.load_identity().is_sealed
    passphrase = needed_passphrase(passphrase_file, VALIDATOR, is_sealed=is_sealed)
    key = place.load_key(passphrase)
    record = place.cometbft.sign_state_file
    record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with owned_sign_state(record):
        if first_use:
            if record.exists():
                raise SignStateError(path=record, reason="exists: the key has signed")
            save_signed_step(record, NOTHING_SIGNED)
        service = SignerService(
            signer=ValidatorSigner(key=key, chain_id=chain_id, state_file=record),
            address=address,
        )

        def stop(_: int, __: FrameType | None) -> None:
            service.ask_to_stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        click.echo(f"signing for {chain_id} with {key.address.hex().upper()}")
        sys.stdout.flush()
        service.run()
