"""Answers of a zone that has light clients of the given age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from huitong.core.codec import encode
from huitong.core.height import Height
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import (
    ConsensusState,
    consensus_state_to_any,
)
from huitong.light.tendermint.terms import client_state_for
from huitong.proto.ibc.core.client.v1 import client_pb2, query_pb2

_PATH = "/ibc.core.client.v1.Query/"


def clients_answers(
    header_time_ns: int, *, is_frozen: bool = False
) -> Mapping[str, bytes]:
    """Return the answers, by path, of a zone with one client of ``ningbo-1``."""
    state = client_state_for("ningbo-1", Height(1, 42))
    if is_frozen:
        state = replace(state, frozen_height=Height(0, 1))
    consensus = ConsensusState(
        timestamp_ns=header_time_ns, root=bytes(32), next_validators_hash=bytes(32)
    )
    states = query_pb2.QueryClientStatesResponse(
        client_states=[
            client_pb2.IdentifiedClientState(
                client_id="07-tendermint-0", client_state=client_state_to_any(state)
            )
        ]
    )
    newest = query_pb2.QueryConsensusStateResponse(
        consensus_state=consensus_state_to_any(consensus)
    )
    return {
        f"{_PATH}ClientStates": encode(states),
        f"{_PATH}ConsensusState": encode(newest),
    }
