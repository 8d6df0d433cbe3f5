"""The one place where a zone is put together from its modules.

The list and the table below are fixed when the software is built: there is no way to add
a module or a port to a running zone.
"""

from __future__ import annotations

from typing import Final

from huitong.core.app import Application
from huitong.core.module import Module
from huitong.core.ports import PortApplication
from huitong.core.store.multistore import MultiStore
from huitong.modules import (
    anchors,
    claims,
    consensus,
    exchange,
    facts,
    governance,
    grants,
    history,
    links,
    members,
    node_info,
    packs,
    policies,
    records,
    transfer,
    upgrades,
)
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.exchange.application import ExchangeApplication
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.modules.transfer.application import TransferApplication

#: In the order of genesis and of the block hooks: upgrades first, for software that must
#: not make a block must not begin it; then members, for others refer to them.
MODULES: Final[tuple[Module, ...]] = (
    upgrades.MODULE,
    members.MODULE,
    consensus.MODULE,
    governance.MODULE,
    packs.MODULE,
    links.MODULE,
    records.MODULE,
    facts.MODULE,
    grants.MODULE,
    policies.MODULE,
    exchange.MODULE,
    anchors.MODULE,
    claims.MODULE,
    transfer.MODULE,
    history.MODULE,
    node_info.MODULE,
)

#: Names of the trees in the multistore, ascending.
STORE_NAMES: Final[tuple[str, ...]] = tuple(
    sorted(module.store for module in MODULES if module.store)
)

#: Port id → IBC application.
PORTS: Final[dict[str, PortApplication]] = {
    exchange.PORT_ID: ExchangeApplication(),
    transfer.PORT_ID: TransferApplication(),
}


def build_application(*, chain_id: str, state: MultiStore) -> Application:
    """Build the application of a zone above its committed state.

    Args:
        chain_id: the zone's chain id.
        state: the committed state, opened with ``STORE_NAMES``.
    """
    return Application(
        chain_id=chain_id,
        modules=MODULES,
        authenticator=MemberAuthenticator(),
        consensus=ZoneConsensus(),
        ports=PORTS,
        state=state,
    )
