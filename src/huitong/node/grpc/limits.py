"""What one gRPC client, and all of them together, may cost a node.

A node has one thing to do before all others: blocks. A client that is slow, silent, greedy
or broken therefore meets a bound everywhere: in bytes, in time and in number.
"""

from __future__ import annotations

from typing import Final

from huitong.core.limits import TX_SIZE_BYTES_MAX

# --- numbers ----------------------------------------------------------------------------
#: Calls at one time; the next one is told RESOURCE_EXHAUSTED. A Hermes has some dozens.
CALLS_MAX: Final = 128
#: Threads that read the state. Few: each takes its share of Python's lock from the blocks.
READING_THREADS: Final = 2
#: Threads that wait for the node's RPC: blocks, searches, sending. Apart from the others,
#: so that who searches does not keep a relayer from reading.
ASKING_THREADS: Final = 2
#: Connections at one time; beyond them the longest silent one of the address that has most
#: gives way. Hermes opens one for nearly every call and closes it again.
CONNECTIONS_MAX: Final = 512
#: Calls at one time on one connection, as HTTP/2 tells the client to keep to.
STREAMS_PER_CONNECTION_MAX: Final = 64

#: Requests in one stream of reflection; a tool that describes everything sends some dozens.
REFLECTION_REQUESTS_MAX: Final = 1_000

# --- bytes ------------------------------------------------------------------------------
#: Bytes of one request: a transaction of any size that is allowed, and its wrapping.
REQUEST_SIZE_BYTES_MAX: Final = TX_SIZE_BYTES_MAX + 65_536
#: Bytes of one response. Hermes takes 32 MiB, grpc-go's own default is 4 MiB; the
#: longest page has about 2 MiB, a block as many bytes as members decided.
RESPONSE_SIZE_BYTES_MAX: Final = 33_554_432
#: Bytes of all responses that clients have not taken yet.
RESPONSES_WAITING_BYTES_MAX: Final = 134_217_728
#: Bytes of the headers of one call, those of HTTP/2 included.
METADATA_SIZE_BYTES_MAX: Final = 16_384

# --- time -------------------------------------------------------------------------------
#: Seconds in which a client must have sent its request after it opened the call.
REQUEST_TIMEOUT_S: Final = 10.0
#: Seconds that a call may wait for a thread and run.
ANSWER_TIMEOUT_S: Final = 30.0
#: Seconds in which a client must take the response.
RESPONSE_TIMEOUT_S: Final = 30.0
#: Seconds in which a new connection must have spoken HTTP/2.
HANDSHAKE_TIMEOUT_S: Final = 10
#: Seconds without a call after which a connection is closed.
CONNECTION_IDLE_S: Final = 300
#: Seconds after which a connection is asked to end, so that none is held for good.
CONNECTION_AGE_S: Final = 3_600
#: Seconds that the calls of such a connection get to finish.
CONNECTION_AGE_GRACE_S: Final = 60
#: Seconds of silence after which we ask whether the client is still there: half-open
#: connections are found by it.
KEEPALIVE_TIME_S: Final = 60
#: Seconds that it may take to say so.
KEEPALIVE_TIMEOUT_S: Final = 20
#: Least seconds between pings of a client that has no call under way.
CLIENT_PING_INTERVAL_S: Final = 10
#: Pings that come faster before the connection is closed.
CLIENT_PING_STRIKES_MAX: Final = 2
#: Seconds that open calls get to finish when the node stops.
SHUTDOWN_GRACE_S: Final = 2.0

_MS: Final = 1_000


def channel_options() -> list[tuple[str, int]]:
    """Return the bounds that gRPC's own library keeps."""
    return [
        # Those that the door has ended may take a moment to be forgotten.
        ("grpc.max_allowed_incoming_connections", 2 * CONNECTIONS_MAX),
        ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION_MAX),
        ("grpc.max_receive_message_length", REQUEST_SIZE_BYTES_MAX),
        ("grpc.max_send_message_length", RESPONSE_SIZE_BYTES_MAX),
        ("grpc.max_metadata_size", METADATA_SIZE_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_SIZE_BYTES_MAX),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_S * _MS),
        ("grpc.http2.settings_timeout", HANDSHAKE_TIMEOUT_S * _MS),
        ("grpc.max_connection_idle_ms", CONNECTION_IDLE_S * _MS),
        ("grpc.max_connection_age_ms", CONNECTION_AGE_S * _MS),
        ("grpc.max_connection_age_grace_ms", CONNECTION_AGE_GRACE_S * _MS),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_S * _MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_S * _MS),
        ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_S * _MS),
        ("grpc.http2.max_pings_without_data", 0),  # an idle client is asked, too
        ("grpc.keepalive_permit_without_calls", 1),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            CLIENT_PING_INTERVAL_S * _MS,
        ),
        (
            "grpc.http2.min_recv_ping_interval_without_data_ms",
            CLIENT_PING_INTERVAL_S * _MS,
        ),
        ("grpc.http2.max_ping_strikes", CLIENT_PING_STRIKES_MAX),
    ]
