"""Why a node cannot be set up or started; codespace ``node``."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class HomeExistsError(
    RejectedError,
    codespace="node",
    code=2,
    text="{path} exists already and is not empty",
    next_step="Choose another folder with --home, or remove this one if it is not needed.",
):
    """A new home is only made in an empty place."""


class HomeMissingError(
    RejectedError,
    codespace="node",
    code=3,
    text="{path} is not the home of a node: {missing} is missing",
    next_step="Make one with `huitong node init --home HOME --chain-id ID`.",
):
    """There is no node here."""


class ConfigError(
    RejectedError,
    codespace="node",
    code=4,
    text="{path}: {field}: {reason}",
    next_step="Correct the file, or the option that was given.",
):
    """The configuration cannot be used."""


class PortInUseError(
    UnavailableError,
    codespace="node",
    code=5,
    text="another process listens on {address}",
    next_step="Stop it, or choose another port with --rpc or --grpc; port 0 picks a free one.",
):
    """The port for RPC, gRPC or metrics is taken."""


class ListenAddressError(
    RejectedError, codespace="node", code=6, text="cannot listen on {address}: {reason}"
):
    """The address for RPC, gRPC or metrics cannot be used."""


class NodeRunsError(
    UnavailableError,
    codespace="node",
    code=7,
    text="a node runs in {path} already (process {pid})",
    next_step="Stop it first, or use another home.",
):
    """Another process has the home."""


class NodeNotServingError(
    UnavailableError,
    codespace="node",
    code=8,
    text="no node answers at {address}: {reason}",
    next_step="Start it with `huitong node start --home HOME`.",
):
    """The node cannot be asked."""


class NoStateError(
    RejectedError,
    codespace="node",
    code=9,
    text="{path} holds no block yet",
    next_step="Start the node once with `huitong node start`.",
):
    """There is nothing to export or to replay."""


class GenesisEntryError(
    RejectedError, codespace="node", code=10, text="genesis: {reason}"
):
    """An entry cannot be added to the genesis file."""


class EngineFailedError(
    BrokenError,
    codespace="node",
    code=11,
    text="the engine stopped at height {height}: {reason}",
    next_step="Look at the log above; do not delete the data folder.",
):
    """Block production ended by itself."""


class GenesisFixedError(
    RejectedError,
    codespace="node",
    code=12,
    text="the zone of {path} has begun: its genesis can no longer change",
    next_step="Admit members and accounts with transactions, or make a new home.",
):
    """Blocks exist that were made from this genesis."""


class EngineChangedError(
    RejectedError,
    codespace="node",
    code=30,
    text="the blocks in {path} were not made by the engine {engine}",
    next_step=(
        "Set [engine] kind in node.toml back. To change the engine, export the zone and "
        "begin a new home from the export."
    ),
):
    """Two engines keep their blocks in different places; one cannot go on for the other."""


class ExportFileError(
    RejectedError,
    codespace="node",
    code=50,
    text="export {path}: {reason}",
    next_step="Take the file that `huitong node export` wrote, unchanged.",
):
    """The file is no export of a zone, or not as it was written."""


class ExportTimeError(
    UnavailableError,
    codespace="node",
    code=51,
    text="this node does not know the time of block {height}",
    next_step="Let the node make or follow one more block, then export that one.",
):
    """The newest block came with a snapshot, or from older software."""
