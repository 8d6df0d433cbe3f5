"""Whoever tests a zone needs five commands; their form is a promise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huitong.core.address import address_of_public_key
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.keys import create_mnemonic, private_key_of_mnemonic
from tests.interop.kit.stranger import StrangersZone, huitong

pytestmark = pytest.mark.lane("a stranger's rig")


@pytest.fixture
def zone(tmp_path: Path) -> StrangersZone:
    made = StrangersZone(tmp_path / "home", "lab-1")
    made.init()
    return made


def test_key_of_given_words_is_told_as_name_and_address(tmp_path: Path) -> None:
    home, words = tmp_path / "home", tmp_path / "words"
    mnemonic = create_mnemonic()
    words.write_text(mnemonic)
    huitong("node", "init", "--home", str(home), "--chain-id", "lab-1")
    told = huitong(
        *("keys", "add", "relayer", "--home", str(home), "--mnemonic-file", str(words)),
        *("--no-passphrase", "--json"),
    )
    expected = address_of_public_key(
        public_key_of_private_key(private_key_of_mnemonic(mnemonic))
    )
    record = json.loads(told)
    assert (record["name"], record["address"]) == ("relayer", expected)
    assert mnemonic not in told


def test_relayer_of_genesis_has_an_account_on_both_doors(zone: StrangersZone) -> None:
    address = zone.add_key("relayer", create_mnemonic())
    zone.add_account(address, "relayer")
    zone.allow_any_client()
    with zone:
        account = json.loads(
            huitong("query", "account", address, "--node", zone.rpc_url, "--json")
        )
        assert account["address"] == address
        assert _grpc_account(zone.grpc_address, address).sequence == 0


def _grpc_account(place: str, address: str):
    import grpc

    from huitong.proto.cosmos.auth.v1beta1 import auth_pb2, query_pb2

    with grpc.insecure_channel(place) as channel:
        ask = channel.unary_unary(
            "/cosmos.auth.v1beta1.Query/Account",
            request_serializer=query_pb2.QueryAccountRequest.SerializeToString,
            response_deserializer=query_pb2.QueryAccountResponse.FromString,
        )
        answer = ask(query_pb2.QueryAccountRequest(address=address), timeout=10)
    account = auth_pb2.BaseAccount()
    assert answer.account.Unpack(account)
    return account
