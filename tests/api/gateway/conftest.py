"""Fixtures of the gateway's interface: a zone of one real node, and gateways on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import make_node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Run the node of a zone; what it knows is in ``gateway_kit``."""
    node = make_node(tmp_path_factory.mktemp("zone") / "hangzhou")
    with node:
        yield node
