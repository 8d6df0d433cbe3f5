"""Genesis documents: CometBFT's form, read strictly."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.canonical_json import decode_json, encode_json
from huitong.engines.errors import GenesisFileError
from huitong.engines.genesis import (
    decode_genesis,
    encode_genesis,
    genesis_json,
    genesis_request,
)
from huitong.testing.embedded import EmbeddedZone
from tests.vectors import load_vector


def _recorded() -> dict[str, Any]:
    document = load_vector("cometbft-v0.38.25/genesis.json")["genesis"]["genesis"]
    document = decode_json(encode_json(document))
    document["app_state"] = {}
    document["consensus_params"]["block"]["max_gas"] = "1000000"
    return document


def test_recorded_genesis_reads_and_prints_the_same() -> None:
    document = _recorded()
    genesis = decode_genesis(encode_json(document))
    assert genesis_json(genesis) == document
    assert len(genesis.validators) == 4
    assert genesis_request(genesis).validators[0].power == 1


def test_encoding_is_canonical() -> None:
    genesis = EmbeddedZone().genesis
    data = encode_genesis(genesis)
    assert decode_genesis(data) == genesis
    assert encode_genesis(decode_genesis(data)) == data


def _change(path: str, value: Any) -> dict[str, Any]:
    document = _recorded()
    *parents, last = path.split(".")
    entry: Any = document
    for name in parents:
        entry = entry[int(name)] if isinstance(entry, list) else entry[name]
    if value is ...:
        del entry[last]
    elif isinstance(entry, list):
        entry[int(last)] = value
    else:
        entry[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("surprise", 1, "surprise"),
        ("genesis_time", "yesterday", "genesis_time"),
        ("genesis_time", ..., "genesis_time"),
        ("chain_id", "", "chain_id"),
        ("chain_id", 7, "chain_id"),
        ("chain_id", "x" * 51, "chain_id"),
        ("initial_height", "0", "initial_height"),
        ("initial_height", "-1", "initial_height"),
        ("initial_height", 1.5, "initial_height"),
        ("app_hash", "00", "app_hash"),
        ("app_state", [], "app_state"),
        ("app_state", ..., "app_state"),
        ("consensus_params", ..., "consensus_params"),
        ("consensus_params.block.max_bytes", "0", "consensus_params.block.max_bytes"),
        ("consensus_params.block.max_gas", "-1", "consensus_params.block.max_gas"),
        ("consensus_params.block.max_tx", "1", "consensus_params.block.max_tx"),
        (
            "consensus_params.evidence.max_bytes",
            "2621441",
            "consensus_params.evidence.max_bytes",
        ),
        (
            "consensus_params.block.max_bytes",
            "1000000",
            "consensus_params.evidence.max_bytes",
        ),
        (
            "consensus_params.validator.pub_key_types",
            ["secp256k1"],
            "consensus_params.validator.pub_key_types",
        ),
        (
            "consensus_params.abci.vote_extensions_enable_height",
            "5",
            "consensus_params.abci.vote_extensions_enable_height",
        ),
        ("validators", [], "validators"),
        ("validators", ..., "validators"),
        ("validators.0.power", "0", "validators[0].power"),
        ("validators.0.address", "00", "validators[0].address"),
        ("validators.0.pub_key.type", "x", "validators[0].pub_key.type"),
        ("validators.0.pub_key.value", "!", "validators[0].pub_key.value"),
        ("validators.0.pub_key.value", "钥", "validators[0].pub_key.value"),
        ("validators.0.pub_key.value", "AAAA", "validators[0].pub_key.value"),
        ("validators.0.name", 7, "validators[0].name"),
        ("validators.0.extra", 7, "validators[0].extra"),
    ],
)
def test_genesis_is_refused_with_its_field(path: str, value: Any, field: str) -> None:
    document = _change(path, value)
    if isinstance(value, float):
        data = b'{"initial_height": 1.5}'
    else:
        data = encode_json(document)
    with pytest.raises(GenesisFileError) as refused:
        decode_genesis(data)
    if not isinstance(value, float):
        assert refused.value.fields["field"] == field


def test_same_validator_twice_is_refused() -> None:
    document = _recorded()
    document["validators"].append(document["validators"][0])
    with pytest.raises(GenesisFileError):
        decode_genesis(encode_json(document))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}', b"null"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(GenesisFileError):
        decode_genesis(data)
