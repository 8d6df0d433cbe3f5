"""Nodes that the tests of this folder share: one for each engine, after the script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.conformance.nodes import Node, running_node
from tests.conformance.script import Outcome, run_script


@dataclass
class Ran:
    """A node that has carried out the script."""

    node: Node
    outcomes: list[Outcome]
    height: int
    """A height not below any block of the script."""


RunOn = Callable[[str], Ran]


@pytest.fixture(scope="session")
def run_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunOn]:
    """Return the node of an engine; it is started when it is first asked for."""
    made: dict[str, Ran] = {}
    with ExitStack() as stack:

        def run(engine: str) -> Ran:
            if engine not in made:
                folder = tmp_path_factory.mktemp(engine)
                node = stack.enter_context(running_node(folder, engine))
                outcomes = run_script(node)
                made[engine] = Ran(node, outcomes, node.height())
            return made[engine]

        yield run


@pytest.fixture
def ran(request: pytest.FixtureRequest, run_on: RunOn) -> Ran:
    """The node of the engine that the test is parametrised with."""
    return run_on(request.param)
