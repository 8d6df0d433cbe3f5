"""The rules of exchange, by vote."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import CLIENT_LEVELS_MAX, LEVEL_MAX, OFFICER_TERM_S_MAX
from huitong.modules import exchange
from huitong.modules.exchange.errors import ExchangeParamsError
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.testing.contexts import MemoryZone


def update(**fields: Any) -> pb.MsgUpdateParams:
    values = {"officer_term": 3_600, "level_max": 2, **fields}
    return pb.MsgUpdateParams(params=pb.Params(**values))


def level(client_id: str, level_max: int) -> pb.ClientLevel:
    return pb.ClientLevel(client_id=client_id, level_max=level_max)


@pytest.fixture
def zone() -> MemoryZone:
    return MemoryZone([exchange.MODULE])


def test_rules_that_are_decided_on_are_told_and_kept(zone: MemoryZone) -> None:
    message = update(ask_officer=True)
    zone.decide(message)
    assert zone.told("exchange_params_changed") == [
        {
            "ask_officer": "true",
            "officer_term": "3600",
            "level_max": "2",
            "client_levels": "",
        }
    ]
    path = "/huitong.exchange.v1.Query/Params"
    assert zone.query(path, pb.QueryParamsRequest()).params == message.params
    assert zone.export()["exchange"]["params"] == {
        "ask_officer": True,
        "officer_term": "3600",
        "level_max": 2,
        "client_levels": [],
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"officer_term": 0},
        {"officer_term": OFFICER_TERM_S_MAX + 1},
        {"level_max": 0},
        {"level_max": LEVEL_MAX + 1},
        {"client_levels": [level("07-tendermint-0", LEVEL_MAX + 1)]},
    ],
)
def test_impossible_rules_are_refused(zone: MemoryZone, fields: dict[str, Any]) -> None:
    with pytest.raises(ExchangeParamsError):
        zone.decide(update(**fields))


@pytest.mark.parametrize(
    ("levels", "error"),
    [
        ([level("x", 1)], InvalidIdentifierError),
        ([level("07-tendermint-1", 1)] * 2, InvalidRequestError),
        (
            [level("07-tendermint-1", 1), level("07-tendermint-0", 1)],
            InvalidRequestError,
        ),
        (
            [
                level(f"07-tendermint-{number}", 1)
                for number in range(CLIENT_LEVELS_MAX + 1)
            ],
            InvalidRequestError,
        ),
    ],
)
def test_levels_of_clients_that_are_no_list_are_refused(
    zone: MemoryZone, levels: list[pb.ClientLevel], error: type[HuitongError]
) -> None:
    with pytest.raises(error):
        zone.decide(update(client_levels=levels))


@pytest.mark.parametrize(
    "fields",
    [
        {"officer_term": 1, "level_max": 1},
        {"client_levels": [level("07-tendermint-0", 0), level("07-tendermint-1", 4)]},
        {"officer_term": OFFICER_TERM_S_MAX, "level_max": LEVEL_MAX},
    ],
)
def test_bounds_themselves_are_allowed(
    zone: MemoryZone, fields: dict[str, Any]
) -> None:
    zone.decide(update(**fields))


def test_the_message_is_governed() -> None:
    (route,) = [
        route
        for route in exchange.MODULE.messages
        if route.request is pb.MsgUpdateParams
    ]
    assert route.governed
