"""Trust files: what they may say, and each way in which they may be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huitong.core.canonical_json import decode_json
from huitong.core.time import NS_PER_SECOND, parse_rfc3339
from huitong.engines.genesis import encode_genesis
from huitong.evidence.errors import TrustFileError
from huitong.evidence.trust import encode_trust, load_trust
from tests.evidence_kit import finished_exchange

HASH = "AB" * 32
HEADER: dict[str, Any] = {
    "chain_id": "hangzhou-1",
    "height": 5,
    "hash": HASH,
    "next_validators_hash": HASH.lower(),
}


def _write(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "trust.json"
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    path.write_bytes(data)
    return path


def test_header_with_its_options_is_read(tmp_path: Path) -> None:
    entry = HEADER | {
        "height": "5",
        "time": "2026-01-01T00:00:00Z",
        "trusting_period_s": 60,
        "trust_level": "1/3",
        "validators_hash": HASH,
    }
    anchor = load_trust(_write(tmp_path, {"zones": [entry]}))["hangzhou-1"]
    assert anchor.height == 5
    assert anchor.hash == anchor.next_validators_hash == bytes.fromhex(HASH)
    assert anchor.validators_hash == bytes.fromhex(HASH)
    assert anchor.time_ns == parse_rfc3339("2026-01-01T00:00:00Z")
    assert anchor.trusting_period_ns == 60 * NS_PER_SECOND
    assert anchor.trust_level.denominator == 3


def test_written_trust_is_read_back(tmp_path: Path) -> None:
    exchange = finished_exchange()
    headers = {
        zone.chain_id_text: zone.header_at(2).header
        for zone in (exchange.a, exchange.b)
    }
    path = tmp_path / "trust.json"
    path.write_bytes(encode_trust(headers))
    assert load_trust(path) == exchange.trust()


def test_genesis_is_taken_inside_or_beside_the_file(tmp_path: Path) -> None:
    zone = finished_exchange().a
    document = encode_genesis(zone.genesis)
    (tmp_path / "genesis.json").write_bytes(document)
    beside = {"zones": [{"chain_id": "hangzhou-1", "genesis": "genesis.json"}]}
    inside = {"zones": [{"chain_id": "hangzhou-1", "genesis": json.loads(document)}]}
    anchor = load_trust(_write(tmp_path, beside))["hangzhou-1"]
    assert load_trust(_write(tmp_path, inside))["hangzhou-1"] == anchor
    assert anchor.hash is None
    assert anchor.height == 0
    assert anchor.next_validators_hash == zone.engine.state.validators.hash
    assert decode_json(document)["chain_id"] == "hangzhou-1"


def _genesis(**changes: Any) -> dict[str, Any]:
    document = json.loads(encode_genesis(finished_exchange().a.genesis)) | changes
    return {"zones": [{"chain_id": "hangzhou-1", "genesis": document}]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not acceptable JSON"),
        (b"[]", '"zones"'),
        ({"zones": []}, "entry for each zone"),
        ({"zones": {}}, "not a list"),
        ({"zones": [1]}, "not an object"),
        ({"zones": [{}]}, "no chain_id"),
        ({"zones": [HEADER], "more": 1}, '"zones"'),
        ({"zones": [HEADER, HEADER]}, "two entries"),
        ({"zones": [HEADER | {"hieght": 1}]}, "unknown member 'hieght'"),
        ({"zones": [HEADER | {"height": 0}]}, "height is not"),
        ({"zones": [HEADER | {"height": 1.5}]}, "height is not"),
        ({"zones": [HEADER | {"height": True}]}, "height is not"),
        ({"zones": [HEADER | {"hash": "AB"}]}, "hash is not 64"),
        ({"zones": [HEADER | {"hash": "x" * 64}]}, "hash is not 64"),
        ({"zones": [HEADER | {"hash": 5}]}, "hash is not 64"),
        ({"zones": [HEADER | {"hash": None}]}, "height and hash"),
        (
            {"zones": [HEADER | {"next_validators_hash": None}]},
            "next_validators_hash or validators_hash",
        ),
        ({"zones": [HEADER | {"time": "yesterday"}]}, "not a time"),
        ({"zones": [HEADER | {"time": 5}]}, "not a time"),
        ({"zones": [HEADER | {"trusting_period_s": -1}]}, "trusting_period_s"),
        ({"zones": [HEADER | {"trust_level": "1/4"}]}, "not within"),
        ({"zones": [HEADER | {"trust_level": 1}]}, "not a fraction"),
        ({"zones": [{"chain_id": "hangzhou-1", "genesis": 5}]}, "not that of this"),
        ({"zones": [{"chain_id": "hangzhou-1", "genesis": "none"}]}, "No such file"),
        (lambda: _genesis(chain_id="other-1"), "not that of this zone"),
        (lambda: _genesis(initial_height=[]), "initial_height"),
        (lambda: _genesis(validators=[]), "no validators"),
        (lambda: _genesis(validators=[{}]), "validators of the genesis"),
        (lambda: _genesis(genesis_time=None), "not a time"),
    ],
    ids=[str(number) for number in range(29)],
)
def test_malformed_trust_is_told_in_one_line(
    value: Any, reason: str, tmp_path: Path
) -> None:
    path = _write(tmp_path, value() if callable(value) else value)
    with pytest.raises(TrustFileError) as refused:
        load_trust(path)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_trust_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrustFileError, match="No such file"):
        load_trust(tmp_path / "absent")
    with pytest.raises(TrustFileError, match="Is a directory"):
        load_trust(tmp_path)
