"""Searching transactions and blocks by their events."""

from __future__ import annotations

import pytest

from huitong.core.abci import FinalizedBlock, TxResult
from huitong.core.errors import HuitongError
from huitong.core.events import Event, event
from huitong.core.hashing import sha256
from huitong.core.store.backend import Batch, MemoryBackend, TableReader
from huitong.storage import blocks as block_store
from huitong.storage import index, search
from huitong.storage.blocks import StoredTx, place_key, tx_rows
from huitong.storage.event_query import (
    QUERY_SIZE_BYTES_MAX,
    Condition,
    matches,
    parse_query,
)
from huitong.storage.query_scanner import QueryTextError, Token
from huitong.storage.results import encode_hook_results
from huitong.storage.search import SearchTooLongError, search_blocks, search_txs


def _result(*events: Event, code: int = 0) -> TxResult:
    return TxResult(
        code=code,
        codespace="",
        data=b"",
        log="",
        gas_wanted=1,
        gas_used=1,
        events=events,
    )


def _packet(sequence: int, channel: str = "channel-0") -> Event:
    return event(
        "send_packet",
        packet_src_port="exchange",
        packet_src_channel=channel,
        packet_dst_port="exchange",
        packet_dst_channel="channel-9",
        packet_sequence=sequence,
        packet_data_hex="ab" * 150,
        msg_index=0,
    )


def _store(results: dict[int, list[TxResult]]) -> TableReader:
    backend = MemoryBackend()
    backend.declare_tables([*block_store.TABLES, *index.TABLES])
    for height, made in results.items():
        txs = [
            StoredTx(
                height=height,
                index=place,
                hash=sha256(b"%d/%d" % (height, place)),
                raw=b"raw",
                result=result,
            )
            for place, result in enumerate(made)
        ]
        batch = Batch()
        rows = tx_rows(txs, backend.latest())
        rows += index.tx_index_rows(txs)
        for table, key, value in rows:
            batch.write(table, [(key, value)])
        backend.apply_batch(batch)
    return backend.snapshot()


RESULTS = {
    5: [_result(_packet(1)), _result(_packet(2), _packet(3))],
    6: [
        _result(event("update_client", client_id="07-tendermint-0", header="ff" * 999))
    ],
    9: [_result(_packet(1, "channel-1")), _result(_packet(4))],
}
ALL_PACKETS = [(5, 0), (5, 1), (9, 0), (9, 1)]
HERMES = (
    "send_packet.packet_src_channel = 'channel-0' AND "
    "send_packet.packet_src_port = 'exchange' AND "
    "send_packet.packet_dst_channel = 'channel-9' AND "
    "send_packet.packet_dst_port = 'exchange' AND "
    "send_packet.packet_sequence = '{}'"
)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        (HERMES.format(1), [(5, 0)]),
        (HERMES.format(3), [(5, 1)]),
        (HERMES.format(7), []),
        ("send_packet.packet_sequence = '1'", [(5, 0), (9, 0)]),
        ("send_packet.packet_sequence = 1", [(5, 0), (9, 0)]),
        ("send_packet.packet_sequence='1' AND tx.height >= 6", [(9, 0)]),
        (
            "send_packet.packet_src_port = 'exchange' AND tx.height = 9",
            [(9, 0), (9, 1)],
        ),
        (
            "send_packet.packet_src_port = 'exchange' AND tx.height < 9",
            [(5, 0), (5, 1)],
        ),
        ("tx.height = 5", [(5, 0), (5, 1)]),
        ("tx.height = '5'", [(5, 0), (5, 1)]),
        ("tx.height > 5 AND tx.height <= 6", [(6, 0)]),
        ("tx.height > 6 AND tx.height < 3", []),
        ("update_client.client_id = '07-tendermint-0'", [(6, 0)]),
        ("update_client.client_id CONTAINS 'tend' AND tx.height >= 1", [(6, 0)]),
        ("update_client.client_id EXISTS AND tx.height >= 1", [(6, 0)]),
        ("send_packet.packet_sequence >= 3 AND tx.height >= 1", [(5, 1), (9, 1)]),
        (
            f"send_packet.packet_data_hex = '{'ab' * 150}' AND tx.height > 8",
            [(9, 0), (9, 1)],
        ),
        ("send_packet.msg_index = '0' AND tx.height = 9", [(9, 0), (9, 1)]),
        ("send_packet.msg_index = '0'", [(5, 0), (5, 1), (9, 0), (9, 1)]),
        ("send_packet.packet_sequence > 1", [(5, 1), (9, 1)]),
        ("send_packet.packet_sequence <= 1.5", [(5, 0), (9, 0)]),
        ("send_packet.packet_sequence EXISTS", [(5, 0), (5, 1), (9, 0), (9, 1)]),
        ("send_packet.packet_src_channel CONTAINS '-1'", [(9, 0)]),
        ("send_packet.packet_sequence = 01", []),
        ("send_packet.packet_sequence > DATE 2013-05-03", []),
        ("send_packet.packet_sequence EXISTS AND tx.height = 5", [(5, 0), (5, 1)]),
        ("tx.height EXISTS", [(5, 0), (5, 1), (6, 0), (9, 0), (9, 1)]),
        ("tx.height CONTAINS '6'", [(6, 0)]),
        ("tx.height = 5.5", []),
        ("tx.height > TIME 2013-05-03T14:45:00Z", []),
        ("tm.event = 'Tx'", []),
        ("send_packet EXISTS", []),
        # One event has to satisfy all conditions: these are of two.
        ("send_packet.packet_sequence='2' AND send_packet.packet_sequence='3'", []),
        ("send_packet.packet_sequence='1' AND update_client.client_id EXISTS", []),
        (f"send_packet.packet_data_hex CONTAINS '{'ab' * 100}'", ALL_PACKETS),
        ("send_packet.packet_data_hex CONTAINS 'ac'", []),
    ],
)
def test_search_finds(query: str, places: list[tuple[int, int]]) -> None:
    reader = _store(RESULTS)
    conditions = parse_query(query)
    expected = [place_key(*place) for place in places]
    assert search_txs(reader, conditions, 9, reverse=False) == expected
    assert search_txs(reader, conditions, 9, reverse=True) == expected[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "tx.height >= 5",
        "send_packet.packet_sequence > 0",
        "send_packet.packet_src_port = 'exchange'",
        "send_packet.msg_index = '0' AND tx.height = 5",
    ],
)
def test_search_looks_at_a_bounded_number(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(search, "SEARCH_COST_MAX", 3)
    reader = _store(RESULTS)
    assert len(search_txs(reader, parse_query("tx.height = 5"), 9, reverse=False)) == 2
    with pytest.raises(SearchTooLongError):
        search_txs(reader, parse_query(query), 9, reverse=False)


def test_failed_transaction_does_not_hide_one_that_succeeded() -> None:
    backend = MemoryBackend()
    backend.declare_tables(block_store.TABLES)
    for height, code in ((1, 5), (2, 0), (3, 5)):
        tx = StoredTx(
            height=height,
            index=0,
            hash=b"\x01" * 32,
            raw=b"raw",
            result=_result(code=code),
        )
        batch = Batch()
        for table, key, value in tx_rows([tx], backend.latest()):
            batch.write(table, [(key, value)])
        backend.apply_batch(batch)
    place = block_store.find_place(backend.snapshot(), b"\x01" * 32)
    assert place == place_key(2, 0)


def test_block_search_finds_by_hook_events() -> None:
    backend = MemoryBackend()
    backend.declare_tables([*block_store.TABLES, *index.TABLES])
    batch = Batch()
    for height in (1, 2, 3):
        told = (event("exchange_expired", exchange_id=height % 2),)
        finalized = FinalizedBlock(
            tx_results=(), events=told, validator_updates=(), app_hash=b"\x01" * 32
        )
        results = encode_hook_results(finalized)
        batch.write(
            block_store.BLOCK_RESULTS, [(block_store.height_key(height), results)]
        )
        batch.write(block_store.BLOCK_META, [(block_store.height_key(height), b"x")])
        for table, key, value in index.block_index_rows(height, told):
            batch.write(table, [(key, value)])
    backend.apply_batch(batch)
    reader = backend.snapshot()
    query = parse_query("exchange_expired.exchange_id = '1'")
    assert search_blocks(reader, query, 3, reverse=False) == [1, 3]
    assert search_blocks(reader, parse_query("block.height >= 2"), 3, reverse=True) == [
        3,
        2,
    ]


# --- the language ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "offset 0: EOF"),
        ("  ", "offset 2: EOF"),
        ("a.b", "offset 3: EOF"),
        ("a.b =", "offset 5: EOF"),
        ("a.b = 'x' AND", "offset 13: EOF"),
        ("a.b = 'x", "offset 6: EOF"),
        ("a.b = 'c' OR b.c='d'", "offset 10: got tag, want 6"),
        ("a.b = 12abc", "offset 8: got tag, want 6"),
        ("a.b='c'; drop", "offset 7: got invalid token, want 6"),
        ("= 'x'", "offset 0: got = operator, wanted tag"),
        ("AND", "offset 0: got AND operator, wanted tag"),
        (
            "a.b 'x'",
            "offset 4: got string, wanted <= operator, >= operator, < operator, "
            "> operator, = operator, CONTAINS operator or EXISTS operator",
        ),
        ("a.b CONTAINS 5", "offset 13: got number, wanted string"),
        ("a.b > 'x'", "offset 6: got string, wanted number, timestamp or datestamp"),
        (
            "a.b = c",
            "offset 6: got tag, wanted number, timestamp, datestamp or string",
        ),
        ("a.b = -5", "offset 6: invalid input - at offset 7"),
        ("é.b != 1", "offset 5: invalid input ! at offset 6"),
        (
            "a.b>DATE 2013-13-45",
            'offset 4: invalid DATE value: parsing time "2013-13-45": '
            "month out of range",
        ),
        (
            "a.b > TIME 2013",
            'offset 6: invalid TIME value: parsing time "2013" as '
            '"2006-01-02T15:04:05Z07:00": cannot parse "" as "-"',
        ),
        ("a.b = DATE 1899-01-01", "offset 6: datestamp year 1899 out of range"),
        ("x" * (QUERY_SIZE_BYTES_MAX + 1), "maximum query length exceeded"),
    ],
)
def test_query_outside_the_language_is_refused(text: str, reason: str) -> None:
    with pytest.raises(QueryTextError) as refused:
        parse_query(text)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("a.b = 'x'", {"a.b": ["y", "x"]}, True),
        ("a.b = 'x'", {"a.b": ["y"]}, False),
        ("a.b = 'x'", {}, False),
        ("a.b = 10", {"a.b": ["10"]}, True),
        ("a.b > 9", {"a.b": ["10"]}, True),
        ("a.b > 10", {"a.b": ["10"]}, False),
        ("a.b >= 10", {"a.b": ["10"]}, True),
        ("a.b < 10", {"a.b": ["9"]}, True),
        ("a.b <= 9", {"a.b": ["9"]}, True),
        ("a.b = 010", {"a.b": ["10.0"]}, True),
        ("a.b = 5", {"a.b": ["-5"]}, False),
        ("a.b = DATE 2013-05-03", {"a.b": ["2013-05-03"]}, True),
        ("a.b > DATE 2013-05-03", {"a.b": ["2013-05-04"]}, True),
        ("a.b > DATE 2013-05-03", {"a.b": ["tomorrow"]}, False),
        ("a.b <= TIME 2013-05-03T14:45:00Z", {"a.b": ["2013-05-03T14:44:59.9Z"]}, True),
        (
            "a.b < TIME 2013-05-03T14:45:00+02:00",
            {"a.b": ["2013-05-03T13:00:00Z"]},
            False,
        ),
        ("a EXISTS", {"a.b": ["x"]}, True),
        ("a EXISTS", {"a.b.c": ["x"]}, False),
        ("a = 'x'", {"a.b": ["x"]}, False),
        ("a.b > 1.5", {"a.b": ["1.25"]}, False),
        ("a.b > 9", {"a.b": ["10stake"]}, True),
        ("a.b > 9", {"a.b": ["many"]}, False),
        ("a.b CONTAINS 'ell'", {"a.b": ["hello"]}, True),
        ("a.b EXISTS", {"a.b": ["x"]}, True),
        ("a.b EXISTS", {"c.d": ["x"]}, False),
        ("a.b = 'x' AND c.d = 'y'", {"a.b": ["x"], "c.d": ["y"]}, True),
        ("a.b = 'x' AND c.d = 'y'", {"a.b": ["x"], "c.d": ["z"]}, False),
    ],
)
def test_condition_holds(text: str, values: dict[str, list[str]], holds: bool) -> None:
    assert matches(parse_query(text), values) is holds


def test_white_space_is_free_and_keys_keep_their_form() -> None:
    assert parse_query(" a.b='x'  AND c-d.e_f = 5 ") == (
        Condition("a.b", Token.EQ, "x", Token.TEXT),
        Condition("c-d.e_f", Token.EQ, "5", Token.NUMBER),
    )


@pytest.mark.parametrize("error", [QueryTextError, SearchTooLongError])
def test_errors_have_codes(error: type[HuitongError]) -> None:
    assert error.codespace == "rpc"
