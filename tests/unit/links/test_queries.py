"""Queries: what relayers ask, worded and paged as they expect."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core import sdk_paging
from huitong.core.errors import InvalidRequestError, NotFoundError
from huitong.core.height import Height
from huitong.light import light_client
from huitong.modules import links
from huitong.modules.links import keys
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_pb2
from huitong.testing.links import ORDERED, Path, connected_path, make_path, open_path
from huitong.testing.zones import SimZone
from tests.unit.links.refusals import forget

CLIENT = "/ibc.core.client.v1.Query/"
CONNECTION = "/ibc.core.connection.v1.Query/"
CHANNEL = "/ibc.core.channel.v1.Query/"
NOT_FOUND = "rpc error: code = NotFound desc = "

Page = pagination_pb2.PageRequest


@pytest.fixture
def path() -> Path:
    path = open_path()
    for number in range(3):
        path.a.send(b"ok %d" % number)
    path.b.catch_up()
    return path


def ask(zone: SimZone, method: str, request: Any) -> Any:
    return zone.query(method, request)


def missing(zone: SimZone, method: str, request: Any) -> str:
    with pytest.raises(NotFoundError) as absent:
        zone.query(method, request)
    return str(absent.value)


def refused(zone: SimZone, method: str, request: Any) -> str:
    with pytest.raises(InvalidRequestError) as wrong:
        zone.query(method, request)
    return str(wrong.value)


def test_every_query_of_the_services_is_answered() -> None:
    answered = {route.path for route in links.MODULE.queries}
    for module in (client_pb2, connection_pb2, channel_pb2):
        service = module.DESCRIPTOR.services_by_name["Query"]
        for method in service.methods:
            assert f"/{service.full_name}/{method.name}" in answered


# --- clients ------------------------------------------------------------------------------


def test_client_state_and_status_are_found(path: Path) -> None:
    zone = path.a.zone
    request = client_pb2.QueryClientStateRequest(client_id="07-tendermint-0")
    answer = ask(zone, CLIENT + "ClientState", request)
    stored = zone.context().store(keys.STORE).get(keys.client_state("07-tendermint-0"))
    assert answer.client_state == AnyMessage.FromString(stored or b"")
    assert answer.proof_height.revision_height == zone.state.version
    request = client_pb2.QueryClientStatusRequest(client_id="07-tendermint-0")
    assert ask(zone, CLIENT + "ClientStatus", request).status == "Active"


def test_client_states_are_paged_without_walking_over_consensus_states() -> None:
    path = make_path()
    for _ in range(11):
        path.a.create_client()
    path.a.zone.next_block()
    zone = path.a.zone
    request = client_pb2.QueryClientStatesRequest(pagination=Page(limit=4))
    found: list[str] = []
    while True:
        answer = ask(zone, CLIENT + "ClientStates", request)
        found += [item.client_id for item in answer.client_states]
        if not answer.pagination.next_key:
            break
        request.pagination.key = answer.pagination.next_key
    assert found == sorted(f"07-tendermint-{number}" for number in range(11))
    request = client_pb2.QueryClientStatesRequest(
        pagination=Page(limit=3, reverse=True)
    )
    answer = ask(zone, CLIENT + "ClientStates", request)
    backwards = [item.client_id for item in answer.client_states]
    assert backwards == found[:-4:-1]
    request.pagination.key = answer.pagination.next_key
    answer = ask(zone, CLIENT + "ClientStates", request)
    assert [item.client_id for item in answer.client_states] == found[-4:-7:-1]


def test_consensus_states_are_listed_by_height(path: Path) -> None:
    zone = path.a.zone
    request = client_pb2.QueryConsensusStateHeightsRequest(client_id="07-tendermint-0")
    answer = ask(zone, CLIENT + "ConsensusStateHeights", request)
    heights = [Height.from_proto(item) for item in answer.consensus_state_heights]
    assert heights == sorted(heights)
    assert answer.pagination.total == len(heights) > 1
    states = ask(
        zone,
        CLIENT + "ConsensusStates",
        client_pb2.QueryConsensusStatesRequest(client_id="07-tendermint-0"),
    )
    assert [Height.from_proto(item.height) for item in states.consensus_states] == (
        heights
    )
    latest = ask(
        zone,
        CLIENT + "ConsensusState",
        client_pb2.QueryConsensusStateRequest(
            client_id="07-tendermint-0", latest_height=True
        ),
    )
    assert latest.consensus_state == states.consensus_states[-1].consensus_state


def test_absent_clients_are_told_in_the_words_of_ibc_go(path: Path) -> None:
    zone = path.a.zone
    unknown = "07-tendermint-999"
    assert missing(
        zone,
        CLIENT + "ClientState",
        client_pb2.QueryClientStateRequest(client_id=unknown),
    ) == (f"{NOT_FOUND}{unknown}: light client not found: key not found")
    assert "light client not found" in missing(
        zone,
        CLIENT + "ClientStatus",
        client_pb2.QueryClientStatusRequest(client_id=unknown),
    )
    told = missing(
        zone,
        CLIENT + "ConsensusState",
        client_pb2.QueryConsensusStateRequest(client_id=unknown, latest_height=True),
    )
    assert "consensus state not found" in told
    height = zone.context().block.height.revision_height - 1
    for method, request, words in (
        (
            "UpgradedClientState",
            client_pb2.QueryUpgradedClientStateRequest(),
            "upgrade plan not found",
        ),
        (
            "UpgradedConsensusState",
            client_pb2.QueryUpgradedConsensusStateRequest(),
            f"upgraded consensus state not found, height {height}",
        ),
    ):
        told = missing(zone, CLIENT + method, request)
        assert told == f"{NOT_FOUND}{words}: key not found"


@pytest.mark.parametrize(
    ("port_id", "channel_id", "words"),
    [
        ("", "channel-0", "identifier cannot be blank"),
        ("a/b", "channel-0", "identifier a/b cannot contain separator '/'"),
        (
            "mock",
            "c",
            "identifier c has invalid length: 1, must be between 8-64 characters",
        ),
        (
            "p" * 129,
            "channel-0",
            f"identifier {'p' * 20}… has invalid length: 129, must be between "
            "2-128 characters",
        ),
        (
            "!!",
            "channel-0",
            "identifier !! must contain only alphanumeric or the following "
            "characters: '.', '_', '+', '-', '#', '[', ']', '<', '>'",
        ),
    ],
)
def test_what_is_no_identifier_is_told_in_the_words_of_ibc_go(
    path: Path, port_id: str, channel_id: str, words: str
) -> None:
    request = channel_pb2.QueryChannelRequest(port_id=port_id, channel_id=channel_id)
    told = refused(path.a.zone, CHANNEL + "Channel", request)
    assert told == (
        f"rpc error: code = InvalidArgument desc = {words}: invalid identifier: "
        "invalid request"
    )


@pytest.mark.parametrize(
    ("method", "request_", "lengths"),
    [
        (
            CLIENT + "ClientState",
            client_pb2.QueryClientStateRequest(client_id="x"),
            "9-64",
        ),
        (
            CONNECTION + "Connection",
            connection_pb2.QueryConnectionRequest(connection_id="x"),
            "10-64",
        ),
    ],
)
def test_too_short_an_identifier_is_told_with_the_lengths_of_its_kind(
    path: Path, method: str, request_: Any, lengths: str
) -> None:
    told = refused(path.a.zone, method, request_)
    assert f"has invalid length: 1, must be between {lengths} characters" in told


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("ClientState", client_pb2.QueryClientStateRequest(client_id="")),
        ("ClientStatus", client_pb2.QueryClientStatusRequest(client_id="a/b")),
        (
            "ConsensusState",
            client_pb2.QueryConsensusStateRequest(client_id="07-tendermint-0"),
        ),
        ("ConsensusStates", client_pb2.QueryConsensusStatesRequest(client_id="x")),
        (
            "VerifyMembership",
            client_pb2.QueryVerifyMembershipRequest(client_id="07-tendermint-0"),
        ),
        (
            "VerifyMembership",
            client_pb2.QueryVerifyMembershipRequest(
                client_id="07-tendermint-0", proof=b"x"
            ),
        ),
    ],
)
def test_malformed_client_query_is_rejected(
    path: Path, method: str, request_: Any
) -> None:
    assert "InvalidArgument" in refused(path.a.zone, CLIENT + method, request_)


def test_membership_can_be_asked_about(path: Path) -> None:
    proven = path.b.zone.prove(keys.STORE, b"nextClientSequence")
    path.a.zone.next_block()
    path.a.update_client()
    path.a.zone.next_block()
    request = client_pb2.QueryVerifyMembershipRequest(
        client_id="07-tendermint-0",
        proof=proven.proof,
        proof_height=proven.height.to_proto(),
        value=proven.value,
    )
    request.merkle_path.key_path.extend(["ibc", "nextClientSequence"])
    method = CLIENT + "VerifyMembership"
    assert ask(path.a.zone, method, request).success is True
    request.value = b"other"
    assert ask(path.a.zone, method, request).success is False
    request.client_id = "07-tendermint-9"
    assert "light client not found" in missing(path.a.zone, method, request)
    request.client_id = "07-tendermint-0"
    ctx = path.a.zone.context()
    light_client.freeze(ctx.store(keys.STORE), request.client_id)
    path.a.zone.take(ctx)
    path.a.zone.next_block()
    assert "status is Frozen" in refused(path.a.zone, method, request)


def test_params_are_answered(path: Path) -> None:
    zone = path.a.zone
    answer = ask(zone, CLIENT + "ClientParams", client_pb2.QueryClientParamsRequest())
    assert list(answer.params.allowed_clients) == ["07-tendermint"]
    answer = ask(
        zone,
        CONNECTION + "ConnectionParams",
        connection_pb2.QueryConnectionParamsRequest(),
    )
    assert answer.params.max_expected_time_per_block == 30_000_000_000
    answer = ask(
        zone, CHANNEL + "ChannelParams", channel_pb2.QueryChannelParamsRequest()
    )
    assert answer.params.upgrade_timeout.timestamp == 600_000_000_000


# --- connections --------------------------------------------------------------------------


def test_connections_are_found_and_listed() -> None:
    path = connected_path()
    path.open_connection()
    path.a.zone.next_block()
    zone = path.a.zone
    request = connection_pb2.QueryConnectionRequest(connection_id="connection-1")
    one = ask(zone, CONNECTION + "Connection", request)
    assert one.connection.client_id == "07-tendermint-0"
    listed = ask(
        zone, CONNECTION + "Connections", connection_pb2.QueryConnectionsRequest()
    )
    assert [item.id for item in listed.connections] == ["connection-0", "connection-1"]
    assert listed.height.revision_height == zone.state.version
    request = connection_pb2.QueryClientConnectionsRequest(client_id="07-tendermint-0")
    answer = ask(zone, CONNECTION + "ClientConnections", request)
    assert list(answer.connection_paths) == ["connection-0", "connection-1"]


def test_what_lies_below_connections_and_channels_is_found(path: Path) -> None:
    zone = path.a.zone
    heights = ask(
        zone,
        CLIENT + "ConsensusStateHeights",
        client_pb2.QueryConsensusStateHeightsRequest(client_id="07-tendermint-0"),
    ).consensus_state_heights
    below = {
        "connection_id": "connection-0",
    }
    above = {"port_id": "mock", "channel_id": "channel-0"}
    at = {
        "revision_number": heights[0].revision_number,
        "revision_height": heights[0].revision_height,
    }
    answers = [
        ask(
            zone,
            CONNECTION + "ConnectionClientState",
            connection_pb2.QueryConnectionClientStateRequest(**below),
        ),
        ask(
            zone,
            CHANNEL + "ChannelClientState",
            channel_pb2.QueryChannelClientStateRequest(**above),
        ),
    ]
    for answer in answers:
        assert answer.identified_client_state.client_id == "07-tendermint-0"
    answers = [
        ask(
            zone,
            CONNECTION + "ConnectionConsensusState",
            connection_pb2.QueryConnectionConsensusStateRequest(**below, **at),
        ),
        ask(
            zone,
            CHANNEL + "ChannelConsensusState",
            channel_pb2.QueryChannelConsensusStateRequest(**above, **at),
        ),
    ]
    for answer in answers:
        assert answer.client_id == "07-tendermint-0"
        assert answer.consensus_state.type_url.endswith("ConsensusState")


def test_absent_connections_are_told(path: Path) -> None:
    zone = path.a.zone
    absent = "connection-999"
    for method, request in (
        ("Connection", connection_pb2.QueryConnectionRequest(connection_id=absent)),
        (
            "ConnectionClientState",
            connection_pb2.QueryConnectionClientStateRequest(connection_id=absent),
        ),
        (
            "ConnectionConsensusState",
            connection_pb2.QueryConnectionConsensusStateRequest(connection_id=absent),
        ),
        (
            "ClientConnections",
            connection_pb2.QueryClientConnectionsRequest(client_id="07-tendermint-9"),
        ),
        (
            "ConnectionConsensusState",
            connection_pb2.QueryConnectionConsensusStateRequest(
                connection_id="connection-0"
            ),
        ),
    ):
        assert missing(zone, CONNECTION + method, request).startswith(NOT_FOUND)


# --- channels -----------------------------------------------------------------------------


def test_channels_are_found_and_listed_by_connection() -> None:
    path = open_path()
    path.open_channel()
    path.a.zone.next_block()
    zone = path.a.zone
    listed = ask(zone, CHANNEL + "Channels", channel_pb2.QueryChannelsRequest())
    assert [(item.port_id, item.channel_id) for item in listed.channels] == [
        ("mock", "channel-0"),
        ("mock", "channel-1"),
    ]
    for connection, count in (("connection-0", 2), ("connection-9", 0)):
        request = channel_pb2.QueryConnectionChannelsRequest(connection=connection)
        answer = ask(zone, CHANNEL + "ConnectionChannels", request)
        assert len(answer.channels) == count
        assert answer.pagination.total == count


def test_absent_channel_is_told_in_the_words_of_ibc_go(path: Path) -> None:
    zone = path.a.zone
    named = {"port_id": "transfer", "channel_id": "channel-999"}
    wanted = (
        f"{NOT_FOUND}port-id: transfer, channel-id channel-999: "
        "channel not found: key not found"
    )
    for method, request in (
        ("Channel", channel_pb2.QueryChannelRequest(**named)),
        (
            "ChannelConsensusState",
            channel_pb2.QueryChannelConsensusStateRequest(**named),
        ),
        ("UnreceivedPackets", channel_pb2.QueryUnreceivedPacketsRequest(**named)),
        ("NextSequenceReceive", channel_pb2.QueryNextSequenceReceiveRequest(**named)),
        ("Upgrade", channel_pb2.QueryUpgradeRequest(**named)),
        ("UpgradeError", channel_pb2.QueryUpgradeErrorRequest(**named)),
    ):
        assert missing(zone, CHANNEL + method, request) == wanted
    asked = channel_pb2.QueryChannelClientStateRequest(**named)
    told = missing(zone, CHANNEL + "ChannelClientState", asked)
    assert told == wanted.replace("channel-id channel", "channel-id: channel")
    told = missing(
        zone,
        CHANNEL + "NextSequenceSend",
        channel_pb2.QueryNextSequenceSendRequest(**named),
    )
    assert "sequence send not found" in told


def test_channels_have_no_upgrades(path: Path) -> None:
    named = {"port_id": "mock", "channel_id": "channel-0"}
    told = missing(
        path.a.zone, CHANNEL + "Upgrade", channel_pb2.QueryUpgradeRequest(**named)
    )
    assert "upgrade not found" in told
    told = missing(
        path.a.zone,
        CHANNEL + "UpgradeError",
        channel_pb2.QueryUpgradeErrorRequest(**named),
    )
    assert told == (
        f"{NOT_FOUND}port-id mock, channel-id channel-0: upgrade error receipt not "
        "found: key not found"
    )


def test_channel_is_found_with_the_height_that_was_read(path: Path) -> None:
    request = channel_pb2.QueryChannelRequest(port_id="mock", channel_id="channel-0")
    answer = ask(path.a.zone, CHANNEL + "Channel", request)
    assert answer.channel.version == "mock-1"
    assert answer.proof_height == Height(1, path.a.zone.state.version).to_proto()


def test_what_is_lost_below_a_channel_is_told(path: Path) -> None:
    zone = path.a.zone
    below = connection_pb2.QueryConnectionClientStateRequest(
        connection_id="connection-0"
    )
    named = {"port_id": "mock", "channel_id": "channel-0"}
    state_ = channel_pb2.QueryChannelClientStateRequest(**named)
    consensus = channel_pb2.QueryChannelConsensusStateRequest(**named)
    told = missing(zone, CHANNEL + "ChannelConsensusState", consensus)
    assert "client-id: 07-tendermint-0: consensus state not found" in told
    forget(path.a, keys.client_state("07-tendermint-0"))
    zone.next_block()
    for method, request in (
        (CHANNEL + "ChannelClientState", state_),
        (CONNECTION + "ConnectionClientState", below),
    ):
        told = missing(zone, method, request)
        assert "client-id: 07-tendermint-0: light client not found" in told
    forget(path.a, keys.connection("connection-0"))
    zone.next_block()
    told = missing(zone, CHANNEL + "ChannelClientState", state_)
    assert "connection-id: connection-0: connection not found" in told


def test_lost_sequence_and_lost_consensus_state_are_told() -> None:
    path = open_path(ordering=ORDERED)
    zone = path.a.zone
    forget(path.a, keys.next_sequence_receive("mock", "channel-0"))
    store = zone.context().store(keys.STORE)
    lost = light_client.latest_height(store, "07-tendermint-0")
    forget(path.a, keys.consensus_state("07-tendermint-0", str(lost)))
    zone.next_block()
    request = channel_pb2.QueryNextSequenceReceiveRequest(
        port_id="mock", channel_id="channel-0"
    )
    told = missing(zone, CHANNEL + "NextSequenceReceive", request)
    assert "sequence receive not found" in told
    listed = ask(
        zone,
        CLIENT + "ConsensusStates",
        client_pb2.QueryConsensusStatesRequest(client_id="07-tendermint-0"),
    )
    heights = [Height.from_proto(item.height) for item in listed.consensus_states]
    assert heights
    assert lost not in heights


# --- packets ------------------------------------------------------------------------------


def test_packets_under_way_are_listed_and_what_is_missing_is_told(path: Path) -> None:
    named = {"port_id": "mock", "channel_id": "channel-0"}
    listed = ask(
        path.a.zone,
        CHANNEL + "PacketCommitments",
        channel_pb2.QueryPacketCommitmentsRequest(**named),
    )
    assert [item.sequence for item in listed.commitments] == [1, 2, 3]
    request = channel_pb2.QueryUnreceivedPacketsRequest(
        **named, packet_commitment_sequences=[1, 2, 3]
    )
    answer = ask(path.b.zone, CHANNEL + "UnreceivedPackets", request)
    assert list(answer.sequences) == [1, 2, 3]
    one = ask(
        path.a.zone,
        CHANNEL + "PacketCommitment",
        channel_pb2.QueryPacketCommitmentRequest(**named, sequence=2),
    )
    assert one.commitment == listed.commitments[1].data


@pytest.mark.parametrize("ordering", [ORDERED, 1])
def test_packets_that_arrived_are_no_longer_missing(ordering: Any) -> None:
    path = open_path(ordering=ordering)
    first, _ = path.a.send(b"ok 1"), path.a.send(b"ok 2")
    path.b.receive(first)
    path.b.zone.next_block()
    zone = path.b.zone
    named = {"port_id": "mock", "channel_id": "channel-0"}
    request = channel_pb2.QueryUnreceivedPacketsRequest(
        **named, packet_commitment_sequences=[1, 2]
    )
    assert list(ask(zone, CHANNEL + "UnreceivedPackets", request).sequences) == [2]
    for sequence, expected in ((1, ordering != ORDERED), (2, False)):
        receipt = ask(
            zone,
            CHANNEL + "PacketReceipt",
            channel_pb2.QueryPacketReceiptRequest(**named, sequence=sequence),
        )
        assert receipt.received is expected
    acks = ask(
        zone,
        CHANNEL + "PacketAcknowledgements",
        channel_pb2.QueryPacketAcknowledgementsRequest(**named),
    ).acknowledgements
    assert [item.sequence for item in acks] == [1]
    asked = ask(
        zone,
        CHANNEL + "PacketAcknowledgements",
        channel_pb2.QueryPacketAcknowledgementsRequest(
            **named, packet_commitment_sequences=[2, 1]
        ),
    ).acknowledgements
    assert list(asked) == list(acks)
    one = ask(
        zone,
        CHANNEL + "PacketAcknowledgement",
        channel_pb2.QueryPacketAcknowledgementRequest(**named, sequence=1),
    )
    assert one.acknowledgement == acks[0].data
    following = ask(
        zone,
        CHANNEL + "NextSequenceReceive",
        channel_pb2.QueryNextSequenceReceiveRequest(**named),
    )
    assert following.next_sequence_receive == (2 if ordering == ORDERED else 0)
    path.a.zone.next_block()
    request = channel_pb2.QueryUnreceivedAcksRequest(
        **named, packet_ack_sequences=[1, 2, 3]
    )
    answer = ask(path.a.zone, CHANNEL + "UnreceivedAcks", request)
    assert list(answer.sequences) == [1, 2]
    sent = ask(
        path.a.zone,
        CHANNEL + "NextSequenceSend",
        channel_pb2.QueryNextSequenceSendRequest(**named),
    )
    assert sent.next_sequence_send == 3


def test_absent_packets_are_told(path: Path) -> None:
    named = {"port_id": "mock", "channel_id": "channel-0", "sequence": 9}
    told = missing(
        path.a.zone,
        CHANNEL + "PacketCommitment",
        channel_pb2.QueryPacketCommitmentRequest(**named),
    )
    assert told == f"{NOT_FOUND}packet commitment hash not found: key not found"
    told = missing(
        path.a.zone,
        CHANNEL + "PacketAcknowledgement",
        channel_pb2.QueryPacketAcknowledgementRequest(**named),
    )
    assert "packet acknowledgement hash not found" in told


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        (
            "PacketCommitment",
            channel_pb2.QueryPacketCommitmentRequest(
                port_id="mock", channel_id="channel-0"
            ),
        ),
        ("Channel", channel_pb2.QueryChannelRequest(port_id="x", channel_id="y")),
        (
            "UnreceivedPackets",
            channel_pb2.QueryUnreceivedPacketsRequest(
                port_id="mock",
                channel_id="channel-0",
                packet_commitment_sequences=[1, 0],
            ),
        ),
        (
            "UnreceivedAcks",
            channel_pb2.QueryUnreceivedAcksRequest(
                port_id="mock",
                channel_id="channel-0",
                packet_ack_sequences=[1] * 10_001,
            ),
        ),
        (
            "Channels",
            channel_pb2.QueryChannelsRequest(pagination=Page(key=b"x", offset=1)),
        ),
        (
            "ConnectionChannels",
            channel_pb2.QueryConnectionChannelsRequest(connection="x"),
        ),
    ],
)
def test_malformed_channel_query_is_rejected(
    path: Path, method: str, request_: Any
) -> None:
    assert "InvalidArgument" in refused(path.a.zone, CHANNEL + method, request_)


# --- pages --------------------------------------------------------------------------------


def commitments(path: Path, **page: Any) -> tuple[list[int], Any]:
    answer = ask(
        path.a.zone,
        CHANNEL + "PacketCommitments",
        channel_pb2.QueryPacketCommitmentsRequest(
            port_id="mock", channel_id="channel-0", pagination=Page(**page)
        ),
    )
    return [item.sequence for item in answer.commitments], answer.pagination


def test_pages_follow_one_another_in_both_directions(path: Path) -> None:
    first, pagination = commitments(path, limit=2)
    assert (first, pagination.next_key, pagination.total) == ([1, 2], b"3", 0)
    second, pagination = commitments(path, limit=2, key=pagination.next_key)
    assert (second, pagination.next_key) == ([3], b"")
    last, pagination = commitments(path, limit=2, reverse=True)
    assert (last, pagination.next_key) == ([3, 2], b"1")
    rest, pagination = commitments(path, limit=2, reverse=True, key=b"1")
    assert (rest, pagination.next_key) == ([1], b"")


def test_pages_count_when_asked_and_begin_at_an_offset(path: Path) -> None:
    found, pagination = commitments(path, limit=1, offset=1, count_total=True)
    assert (found, pagination.next_key, pagination.total) == ([2], b"3", 3)
    found, pagination = commitments(path)
    assert (found, pagination.total) == ([1, 2, 3], 3)
    found, pagination = commitments(path, limit=2**64 - 1)
    assert found == [1, 2, 3]


def test_no_page_is_longer_and_no_walk_farther_than_its_bound(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk_paging, "SDK_PAGE_SIZE_MAX", 2)
    found, pagination = commitments(path, limit=10)
    assert (found, pagination.next_key) == ([1, 2], b"3")
    monkeypatch.setattr(sdk_paging, "SDK_PAGE_SCAN_MAX", 1)
    found, pagination = commitments(path, limit=10)
    assert (found, pagination.next_key) == ([1], b"2")


def test_packets_of_another_channel_are_not_listed() -> None:
    path = open_path()
    for _ in range(10):
        path.open_channel()
    path.a.channel_id = "channel-10"
    path.a.send(b"ok elsewhere")
    path.a.zone.next_block()
    request = channel_pb2.QueryPacketCommitmentsRequest(
        port_id="mock", channel_id="channel-1"
    )
    answer = ask(path.a.zone, CHANNEL + "PacketCommitments", request)
    assert len(answer.commitments) == 0
