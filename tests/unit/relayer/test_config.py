"""relay.toml: what is written is read again, and what is wrong is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from huitong.relayer.config import (
    FILE_NAME,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
    load_config,
    save_config,
)
from huitong.relayer.errors import InvalidConfigError, UnknownLinkError

ZONES = (
    ZoneConfig(chain_id="hangzhou-1", rpc="tcp://127.0.0.1:26657"),
    ZoneConfig(chain_id="chongqing-1", rpc='http://"odd\\host"', key="other"),
)
LINK = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
MADE = LinkConfig(
    chain_a="hangzhou-1",
    chain_b="chongqing-1",
    client_on_a="07-tendermint-0",
    client_on_b="07-tendermint-1",
    connection_on_a="connection-0",
    connection_on_b="connection-1",
    channel_on_a="channel-0",
    channel_on_b="channel-1",
    ordered=True,
)


def test_saved_configuration_is_loaded_again(tmp_path):
    config = RelayConfig(zones=ZONES, links=(LINK, MADE))
    save_config(tmp_path / "home", config)
    assert load_config(tmp_path / "home") == config


def test_made_link_takes_the_place_of_the_wanted_one():
    config = RelayConfig(zones=ZONES, links=(LINK,)).with_link(MADE)
    assert config.links == (MADE,)
    assert config.with_link(MADE).links == (MADE,)


def test_second_link_between_the_same_zones_is_kept_beside_the_first():
    other = LinkConfig(
        chain_a="hangzhou-1", chain_b="chongqing-1", channel_on_a="channel-7"
    )
    config = RelayConfig(zones=ZONES, links=(MADE,)).with_link(other)
    assert config.links == (MADE, other)


def test_everything_that_can_be_said_is_kept(tmp_path):
    zone = ZoneConfig(
        chain_id="simd-1",
        rpc="https://node:443",
        key="one",
        more_keys=("two", "three"),
        kind="cosmos",
        account_prefix="cosmos",
        gas_price="0.025stake",
        gas="simulate",
        gas_margin_percent=150,
        max_gas=8_000_000,
        max_messages=50,
        max_tx_bytes=100_000,
        memo='the "relayer"',
        trusting_period="240h",
        max_clock_drift="30s",
    )
    link = replace(
        LINK, chain_b="simd-1", refresh_after="12h", watch_misbehaviour=False
    )
    config = RelayConfig(
        zones=(ZONES[0], zone), links=(link,), watch_listen="tcp://127.0.0.1:26680"
    )
    save_config(tmp_path, config)
    assert load_config(tmp_path) == config


def test_options_at_their_defaults_are_not_written(tmp_path):
    save_config(tmp_path, RelayConfig(zones=ZONES[:1]))
    written = (tmp_path / FILE_NAME).read_text()
    assert written.split("\n", 1)[1].split() == [
        "[[zones]]",
        "chain_id",
        "=",
        '"hangzhou-1"',
        "rpc",
        "=",
        '"tcp://127.0.0.1:26657"',
        "key",
        "=",
        '"relayer"',
    ]


def test_link_is_found_in_either_direction():
    config = RelayConfig(zones=ZONES, links=(MADE,))
    assert config.get_link("chongqing-1", "hangzhou-1") == MADE
    with pytest.raises(UnknownLinkError):
        config.get_link("hangzhou-1", "nowhere-1")


ZONE = '[[zones]]\nchain_id = "hangzhou-1"\nrpc = "tcp://127.0.0.1:1"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[zones", "Expected ']]'"),
        ("speed = 3\n", "unknown entries ['speed']"),
        ("zones = 3\n", "zones is not a list of tables"),
        ("zones = [3]\n", "zones[0] is not a table"),
        ('[[zones]]\nchain_id = "hangzhou-1"\n', "zones[0] lacks rpc"),
        (ZONE + "port = 3\n", "zones[0] has no entry port"),
        (ZONE + "key = 3\n", "zones[0].key is not a text"),
        (ZONE + 'more_keys = ["a", 1]\n', "zones[0].more_keys is not a list of texts"),
        (ZONE + 'more_keys = ["relayer"]\n', "zone hangzhou-1 names a key twice"),
        (ZONE + "max_gas = true\n", "zones[0].max_gas is not a whole number"),
        (ZONE + "max_messages = 0\n", "max_messages is 0, not from 1 to 1000"),
        (ZONE + 'kind = "fabric"\n', "not one of huitong, cosmos"),
        (ZONE + 'gas = "much"\n', "not one of table, simulate"),
        (ZONE + 'gas_price = "cheap"\n', "not a price such as 0.025stake"),
        (ZONE + 'account_prefix = "Ht"\n', "not lower-case letters and digits"),
        (ZONE + 'trusting_period = "2 weeks"\n', "not a time such as 30m or 336h"),
        (ZONE + ZONE, "zone hangzhou-1 stands there twice"),
        ("[watch]\nport = 1\n", "watch has no entry port"),
        ("[watch]\nlisten = 1\n", "watch.listen is not a text"),
        ("watch = 3\n", "watch is not a table"),
        (ZONE.replace("hangzhou-1", "hang zhou"), "hang zhou"),
        (ZONE + '[[links]]\nchain_a = "hangzhou-1"\nchain_b = "x-1"\n', "no zone x-1"),
        (
            ZONE
            + ZONE.replace("hangzhou", "chongqing")
            + '[[links]]\nchain_a = "hangzhou-1"\nchain_b = "chongqing-1"\n'
            + 'channel_on_a = "c"\n',
            "channel id c: invalid identifier",
        ),
        (
            ZONE + '[[links]]\nchain_a = "hangzhou-1"\nchain_b = "hangzhou-1"\n',
            "a link of hangzhou-1 with itself",
        ),
        ("", "names no zones"),
        (
            ZONE.replace("tcp:", "ftp:"),
            "zones[0].rpc is 'ftp://127.0.0.1:1', not a URL",
        ),
        (ZONE.replace(':1"', ':99999"'), "zones[0].rpc is 'tcp://127.0.0.1:99999'"),
        (ZONE.replace("127.0.0.1:1", ""), "zones[0].rpc is 'tcp://', not a URL"),
        (
            ZONE.replace("tcp://127.0.0.1:1", ""),
            "zones[0].rpc is '', not a URL such as tcp://127.0.0.1:26657",
        ),
        (
            ZONE
            + '[[links]]\nchain_a = "hangzhou-1"\nchain_b = "hangzhou-1"\n'
            + "ordered = 1\n",
            "links[0].ordered is not true or false",
        ),
    ],
)
def test_wrong_configuration_is_refused_with_its_reason(tmp_path, text, reason):
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(InvalidConfigError) as refused:
        load_config(tmp_path)
    assert reason in str(refused.value)
    assert FILE_NAME in str(refused.value)


def test_rpc_without_a_scheme_is_taken(tmp_path):
    (tmp_path / FILE_NAME).write_text(ZONE.replace("tcp://127.0.0.1:1", "node:26657"))
    assert load_config(tmp_path).zones[0].rpc == "node:26657"


def test_missing_configuration_says_what_to_do(tmp_path):
    with pytest.raises(InvalidConfigError) as refused:
        load_config(tmp_path)
    assert "huitong relay init" in refused.value.diagnostics()
