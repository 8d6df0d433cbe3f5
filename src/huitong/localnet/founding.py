"""Makes a zone of several organisations: keys, one genesis, and a home for each node."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from huitong.core.canonical_json import encode_json
from huitong.core.ids import check_chain_id
from huitong.core.limits import VALIDATORS_MAX
from huitong.engines.genesis import (
    GenesisDocument,
    GenesisValidator,
    decode_genesis,
    genesis_json,
)
from huitong.engines.validator_key import ValidatorKey
from huitong.keys import Keyring
from huitong.localnet.errors import ZoneShapeError
from huitong.localnet.ports import free_ports
from huitong.localnet.record import NodeRecord, ZoneRecord, save_record
from huitong.localnet.zone import (
    KEYRING_FOLDER,
    AccountSpec,
    MemberSpec,
    genesis_changes,
)
from huitong.modules.members import roles
from huitong.node.config import (
    ENGINES,
    CometBftConfig,
    NodeConfig,
    SnapshotConfig,
    with_options,
)
from huitong.node.home import GENESIS_POWER, Home, make_home, save_config
from huitong.node.parts import check_genesis

_ACCOUNT_ROLES: Final = (
    roles.DELEGATE,
    roles.OFFICER,
    roles.PUBLISHER,
    roles.REQUESTER,
)

#: Trials make snapshots often, and a node that joins looks around for five seconds before
#: it takes one, which must be there still.
_SNAPSHOTS_KEPT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """What a new zone shall be; see ``LocalZone``."""

    chain_id: str
    """The zone."""
    validators: int
    """How many, at least 1."""
    engine: str
    """One of ``ENGINES``."""
    block_time: str
    """Pause between blocks."""
    voting_period_s: int | None
    """Seconds in which members vote; None for the zone's default."""
    members: tuple[MemberSpec, ...]
    """Further members."""
    accounts: tuple[AccountSpec, ...]
    """Further accounts."""
    app_state_changes: Mapping[str, Any]
    """Laid over the genesis state."""
    snapshot_every_blocks: int
    """A snapshot at each height that this divides; 0: none."""
    adjust: Callable[[NodeConfig], NodeConfig] | None
    """Changes each node's configuration."""


def found_zone(folder: Path, founding: Founding) -> ZoneRecord:
    """Make everything in ``folder``, which is there; the record comes last.

    Raises:
        RejectedError: a name, a member, an account or a module's state is refused.
    """
    is_alone = founding.engine == "embedded"
    ports = iter(free_ports(3 * founding.validators))
    nodes = tuple(
        NodeRecord(
            name=f"node{number}",
            rpc=f"tcp://127.0.0.1:{next(ports)}",
            grpc=f"127.0.0.1:{next(ports)}",
            p2p="" if is_alone else f"tcp://127.0.0.1:{next(ports)}",
            validator=True,
        )
        for number in range(founding.validators)
    )
    homes = [Home(folder / item.name) for item in nodes]
    configs = [node_config(item, founding) for item in nodes]
    keys = [
        make_home(home, config, founding.chain_id)
        for home, config in zip(homes, configs, strict=True)
    ]
    genesis = _genesis(founding, keys, Keyring(folder / KEYRING_FOLDER))
    for home in homes:
        home.save_genesis(genesis)
    if not is_alone:
        connect(homes, nodes, configs)
    record = ZoneRecord(chain_id=founding.chain_id, engine=founding.engine, nodes=nodes)
    save_record(folder, record)
    return record


def check_founding(founding: Founding) -> None:
    """Check that there can be such a zone.

    Raises:
        InvalidIdentifierError: the chain id is malformed.
        ZoneShapeError: it has too many validators or none, or another engine.
    """
    check_chain_id(founding.chain_id)
    if founding.engine not in ENGINES:
        raise ZoneShapeError(reason=f"the engine is one of {', '.join(ENGINES)}")
    if not 1 <= founding.validators <= VALIDATORS_MAX:
        raise ZoneShapeError(reason=f"a zone has 1 to {VALIDATORS_MAX} validators")
    if founding.engine == "embedded" and founding.validators > 1:
        raise ZoneShapeError(
            reason="the embedded engine has one validator; several need cometbft"
        )


def node_config(node: NodeRecord, founding: Founding) -> NodeConfig:
    """Return how a node of the new zone runs, without its peers."""
    config = NodeConfig(
        moniker=node.name,
        rpc_address=node.rpc,
        grpc_address=node.grpc,
        engine=founding.engine,
        snapshots=SnapshotConfig(
            every_blocks=founding.snapshot_every_blocks, kept=_SNAPSHOTS_KEPT
        ),
    )
    if node.p2p:
        config = replace(config, cometbft=CometBftConfig(p2p_address=node.p2p))
    config = with_options(config, Path("block_time"), block_time=founding.block_time)
    return config if founding.adjust is None else founding.adjust(config)


def connect(
    homes: list[Home], nodes: tuple[NodeRecord, ...], configs: list[NodeConfig]
) -> None:
    """Let every node keep connected with every other one."""
    places = [peer_of(home, node.p2p) for home, node in zip(homes, nodes, strict=True)]
    for number, (home, config) in enumerate(zip(homes, configs, strict=True)):
        peers = tuple(places[:number] + places[number + 1 :])
        cometbft = replace(config.cometbft, persistent_peers=peers)
        save_config(home, replace(config, cometbft=cometbft))


def peer_of(home: Home, p2p_address: str) -> str:
    """Return how peers name a node, ``ID@HOST:PORT``."""
    place = p2p_address.removeprefix("tcp://")
    return f"{home.cometbft.ensure_node_id()}@{place}"


def _genesis(
    founding: Founding, keys: list[ValidatorKey], keyring: Keyring
) -> GenesisDocument:
    """Return the genesis document of all, checked."""
    numbers = range(len(keys))
    organisations = [MemberSpec(member_id=f"org-{number}") for number in numbers]
    accounts = [
        AccountSpec(
            name=f"org-{number}", roles=_ACCOUNT_ROLES, member_id=f"org-{number}"
        )
        for number in numbers
    ]
    accounts += [
        AccountSpec(name="operator", roles=(roles.OPERATOR,), member_id="org-0"),
        AccountSpec(name="relayer", roles=(roles.RELAYER,)),
    ]
    document = genesis_json(
        GenesisDocument(
            time_ns=time.time_ns(),
            chain_id=founding.chain_id,
            validators=tuple(
                GenesisValidator(
                    public_key=key.public_key, power=GENESIS_POWER, name=f"node{number}"
                )
                for number, key in enumerate(keys)
            ),
            app_state={"consensus": {"validators": _owners(keys)}},
        )
    )
    for change in genesis_changes(
        [*organisations, *founding.members], [*accounts, *founding.accounts], keyring
    ):
        change(document)
    if founding.voting_period_s is not None:
        period = {"voting_period_s": str(founding.voting_period_s)}
        _lay_over(document["app_state"], {"governance": {"params": period}})
    _lay_over(document["app_state"], founding.app_state_changes)
    genesis = decode_genesis(encode_json(document))
    check_genesis(genesis)
    return genesis


def _owners(keys: list[ValidatorKey]) -> list[dict[str, str]]:
    return [
        {
            "public_key": base64.b64encode(key.public_key).decode(),
            "member_id": f"org-{number}",
            "name": f"node{number}",
        }
        for number, key in enumerate(keys)
    ]


def _lay_over(below: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put ``changes`` into ``below``, object by object."""
    for name, value in changes.items():
        present = below.get(name)
        if isinstance(present, dict) and isinstance(value, Mapping):
            _lay_over(present, value)
        else:
            below[name] = dict(value) if isinstance(value, Mapping) else value
