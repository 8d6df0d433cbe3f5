"""What two ends of a connection agree on: one version, with the orderings it allows.

Version "1" of IBC with ordered and unordered channels is all that exists; the rules of
negotiation are those of ICS-3 and ibc-go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from huitong.core.limits import (
    CONNECTION_FEATURES_MAX,
    CONNECTION_TEXT_BYTES_MAX,
)
from huitong.modules.links.errors import (
    InvalidConnectionVersionError,
    VersionNegotiationError,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

IDENTIFIER: Final = "1"
FEATURES: Final = ("ORDER_ORDERED", "ORDER_UNORDERED")


def compatible_versions() -> list[connection_pb2.Version]:
    """Return the versions that this chain offers."""
    return [connection_pb2.Version(identifier=IDENTIFIER, features=FEATURES)]


def order_name(ordering: int) -> str:
    """Return the name of an ordering as events and features spell it."""
    if ordering == channel_pb2.ORDER_UNORDERED:
        return "ORDER_UNORDERED"
    if ordering == channel_pb2.ORDER_ORDERED:
        return "ORDER_ORDERED"
    return "ORDER_NONE_UNSPECIFIED"


def check_version(version: connection_pb2.Version) -> None:
    """Check the form of a version.

    Raises:
        InvalidConnectionVersionError: blank or too long texts, or too many features.
    """
    if len(version.features) > CONNECTION_FEATURES_MAX:
        raise InvalidConnectionVersionError(reason=f"{len(version.features)} features")
    for text in (version.identifier, *version.features):
        if not text.strip() or len(text.encode()) > CONNECTION_TEXT_BYTES_MAX:
            raise InvalidConnectionVersionError(
                reason=f"identifier or feature {text!r}"
            )


def is_supported(
    offered: Iterable[connection_pb2.Version], version: connection_pb2.Version
) -> bool:
    """Return whether ``version`` is one of ``offered``, with no feature beyond it."""
    for own in offered:
        if own.identifier == version.identifier:
            features = version.features
            return bool(features) and all(item in own.features for item in features)
    return False


def pick_version(
    counterparty_versions: Sequence[connection_pb2.Version],
) -> connection_pb2.Version:
    """Return the version that both chains know, with the features they share.

    Raises:
        VersionNegotiationError: there is none, or it would allow nothing.
    """
    for theirs in counterparty_versions:
        if theirs.identifier == IDENTIFIER:
            shared = [feature for feature in FEATURES if feature in theirs.features]
            if shared:
                return connection_pb2.Version(identifier=IDENTIFIER, features=shared)
            break
    raise VersionNegotiationError(
        reason="the counterparty offers no version that is known here"
    )


def check_ordering_allowed(
    connection: connection_pb2.ConnectionEnd, ordering: int
) -> None:
    """Check that a connection has one version and that it allows the ordering.

    Raises:
        InvalidConnectionVersionError: it has not, or does not.
    """
    if len(connection.versions) != 1:
        raise InvalidConnectionVersionError(
            reason=f"one version must be agreed before channels, got {len(connection.versions)}"
        )
    name = order_name(ordering)
    if name not in connection.versions[0].features:
        raise InvalidConnectionVersionError(
            reason=f"the connection's version does not allow {name}"
        )
