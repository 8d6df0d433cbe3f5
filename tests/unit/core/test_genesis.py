"""The JSON form of messages in genesis state."""

from __future__ import annotations

from huitong.core.codec import pack_any
from huitong.core.genesis import message_from_json, message_to_json
from huitong.proto.ibc.core.client.v1 import client_pb2


def test_message_in_an_any_is_found_among_our_types() -> None:
    message = client_pb2.IdentifiedClientState(
        client_id="07-tendermint-0",
        client_state=pack_any(client_pb2.Height(revision_number=1)),
    )
    shown = message_to_json(message)
    assert shown["client_state"] == {
        "@type": "/ibc.core.client.v1.Height",
        "revision_number": "1",
    }
    assert message_from_json(type(message), shown, "links") == message
