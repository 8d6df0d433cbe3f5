"""The entry point of ``huitong``: finds the command group and loads only that."""

from __future__ import annotations

import importlib
import io
import sys

import click

from huitong import __version__

#: Command → (module below ``huitong.cli``, one line of help). A group's module has a
#: click command under the command's name.
COMMANDS = {
    "demo": "Run two zones that exchange a document, and leave the evidence.",
    "verify": "Check evidence bundles offline.",
    "evidence": "Make, show and refresh evidence bundles; write trust files.",
    "node": "Set up, start, look at and export a node.",
    "localnet": "Run a zone of several organisations on this machine.",
    "doctor": "Look a node over, and say what to do.",
    "signer": "Sign for CometBFT with a validator's key, from a process of its own.",
    "genesis": "Prepare the genesis file of a new zone.",
    "keys": "Make and list keys: those that sign, and those that payloads are sealed to.",
    "gateway": "Run the service by which a member gives and gets data.",
    "gw": "Use a gateway: publish, ask, decide and receive over its REST interface.",
    "vault": "Make and list the folder that keeps a member's payloads, encrypted.",
    "record": "Publish records, new versions and status changes.",
    "exchange": "Request, decide, deliver and confirm exchanges.",
    "policy": "Check a policy, and try it, before members vote on it.",
    "governance": "Propose, vote, and see what members decided.",
    "member": "Look after your own organisation; freeze members.",
    "tx": "Send the messages of the other modules.",
    "query": "Read the state of a zone.",
    "relay": "Link two zones and keep packets flowing.",
    "proof": "Check ICS-23 proofs.",
    "light": "Check headers as a light client does.",
    "bench": "Measure this machine; prints one JSON object.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that help is quick."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the command line, if all of it is text.

        Raises:
            click.UsageError: an argument is not text in the encoding of the locale.
        """
        for stream in (sys.stdout, sys.stderr):
            # A console of another encoding, such as GBK, lacks signs that we print.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        for given in args:
            # What cannot be decoded comes as lone surrogates, which no file, message
            # or answer may hold.
            if any("\ud800" <= char <= "\udfff" for char in given):
                raise click.UsageError(
                    f"the argument {given!a} is not text in the encoding "
                    f"{sys.getfilesystemencoding()}; rename the file, or set LANG=C.UTF-8",
                    ctx,
                )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command ``cmd_name``; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"huitong.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="huitong")
def main() -> None:
    """Huitong 汇通: zones that exchange data, with a proof for every answer."""


if __name__ == "__main__":
    sys.exit(main())
