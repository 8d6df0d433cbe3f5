"""What two ends of a connection can agree on (ICS-3)."""

from __future__ import annotations

import pytest

from huitong.modules.links.versions import (
    check_ordering_allowed,
    check_version,
    compatible_versions,
    is_supported,
    order_name,
    pick_version,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from tests.unit.links.refusals import refused_with

ORDERED, UNORDERED = "ORDER_ORDERED", "ORDER_UNORDERED"


def version(identifier: str = "1", *features: str) -> connection_pb2.Version:
    return connection_pb2.Version(identifier=identifier, features=features)


@pytest.mark.parametrize(
    ("offered", "features"),
    [
        ([version("1", ORDERED, UNORDERED)], [ORDERED, UNORDERED]),
        ([version("1", UNORDERED, ORDERED)], [ORDERED, UNORDERED]),
        ([version("1", UNORDERED)], [UNORDERED]),
        ([version("1", "ORDER_DAG", UNORDERED)], [UNORDERED]),
        ([version("2", "MORE"), version("1", ORDERED)], [ORDERED]),
    ],
)
def test_version_that_both_know_is_picked(
    offered: list[connection_pb2.Version], features: list[str]
) -> None:
    assert pick_version(offered) == version("1", *features)


@pytest.mark.parametrize(
    "offered",
    [
        [],
        [version("2", ORDERED)],
        [version("1")],
        [version("1", "ORDER_DAG")],
        [version("1"), version("1", ORDERED)],
    ],
)
def test_no_version_in_common_is_rejected(
    offered: list[connection_pb2.Version],
) -> None:
    with refused_with("connection/10"):
        pick_version(offered)


@pytest.mark.parametrize(
    ("proposed", "supported"),
    [
        (version("1", ORDERED, UNORDERED), True),
        (version("1", ORDERED), True),
        (version("1"), False),
        (version("1", ORDERED, "ORDER_DAG"), False),
        (version("2", ORDERED), False),
    ],
)
def test_support_means_no_feature_beyond_the_offer(
    proposed: connection_pb2.Version, supported: bool
) -> None:
    assert is_supported(compatible_versions(), proposed) is supported


@pytest.mark.parametrize(
    "wrong",
    [
        version("", ORDERED),
        version(" ", ORDERED),
        version("1", ORDERED, ""),
        version("1" * 129, ORDERED),
        version("1", *["x"] * 9),
    ],
)
def test_malformed_version_is_rejected(wrong: connection_pb2.Version) -> None:
    with refused_with("connection/9"):
        check_version(wrong)


def test_ordering_must_be_a_feature_of_the_one_version() -> None:
    end = connection_pb2.ConnectionEnd(versions=[version("1", UNORDERED)])
    check_ordering_allowed(end, channel_pb2.ORDER_UNORDERED)
    with refused_with("connection/9"):
        check_ordering_allowed(end, channel_pb2.ORDER_ORDERED)
    end.versions.append(version("1", ORDERED))
    with refused_with("connection/9"):
        check_ordering_allowed(end, channel_pb2.ORDER_UNORDERED)


@pytest.mark.parametrize(
    ("ordering", "name"),
    [(0, "ORDER_NONE_UNSPECIFIED"), (1, UNORDERED), (2, ORDERED)],
)
def test_orderings_are_named_as_relayers_expect(ordering: int, name: str) -> None:
    assert order_name(ordering) == name
