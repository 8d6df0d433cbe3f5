"""What a relayer can fail with; codespace ``relayer``."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class InvalidConfigError(
    RejectedError,
    codespace="relayer",
    code=2,
    text="{path}: {reason}",
    next_step="`huitong relay init` writes a file of the right form.",
):
    """The relayer's configuration is missing or malformed."""


class HandshakeStuckError(
    RejectedError,
    codespace="relayer",
    code=3,
    text="the {what} is {state_on_a} on one zone and {state_on_b} on the other",
    next_step="Open another one: `huitong relay link --new`.",
):
    """Two ends in states from which no handshake leads on."""


class UnknownLinkError(
    RejectedError,
    codespace="relayer",
    code=4,
    text="no link between {chain_a} and {chain_b} in {path}",
    next_step="`huitong relay link` makes one.",
):
    """A link that the configuration does not have."""


class WrongChainError(
    RejectedError,
    codespace="relayer",
    code=5,
    text="{url} serves {actual}, the configuration says {expected}",
):
    """The node belongs to another zone than the configuration says."""


class ClientUnusableError(
    RejectedError,
    codespace="relayer",
    code=6,
    text="client {client_id} on {chain_id} is {status}",
    next_step="Find out why before anything else: frozen means that somebody showed two "
    "contradicting headers, expired that nobody refreshed it in time. Then make a new client "
    "(`huitong relay link --new`) and let the members recover the old one from it: `huitong "
    "governance propose recover-client OLD NEW`, or MsgRecoverClient by vote elsewhere.",
):
    """The light client that should be updated takes no updates."""


class PacketDataMissingError(
    UnavailableError,
    codespace="relayer",
    code=7,
    text="{chain_id} holds a commitment for packet {sequence} on {channel_id}, "
    "but its node does not find the transaction that sent it",
    next_step="Use a node with a complete transaction index.",
):
    """The state names a packet whose contents the node no longer has."""


class ConfigExistsError(
    RejectedError,
    codespace="relayer",
    code=8,
    text="{path} exists already",
    next_step="Edit it, or choose another folder: `--home DIRECTORY`.",
):
    """A new configuration would replace one that somebody may need."""


class AccountRefusedError(
    RejectedError,
    codespace="relayer",
    code=9,
    text="{chain_id} takes nothing from {address}: {reason}",
    next_step="On a zone of Huitong the account needs the role relayer: its members decide "
    "with `huitong governance propose add-account ADDRESS --role relayer`. On another chain "
    "it needs coins for fees. `huitong relay check` shows all accounts.",
):
    """The relayer's account may not sign what a relayer sends."""


class LinkNotMadeError(
    RejectedError,
    codespace="relayer",
    code=10,
    text="the link between {chain_a} and {chain_b} has no channel yet",
    next_step="`huitong relay link` makes it; `huitong relay start` does so too.",
):
    """A link of the configuration that has still to be made."""


class LinkToSelfError(
    RejectedError,
    codespace="relayer",
    code=11,
    text="a link of {chain_id} with itself",
    next_step="Name two zones of relay.toml: `huitong relay link CHAIN_A CHAIN_B`.",
):
    """A link whose two zones are the same one."""


class NoLinksError(
    RejectedError,
    codespace="relayer",
    code=12,
    text="{path} has no links; there is nothing to relay",
    next_step="`huitong relay link CHAIN_A CHAIN_B` makes one.",
):
    """A relayer that is started before anything was linked."""
