"""The server: in order, bounded, not to be upset by strangers, ended cleanly."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from huitong.core.abci import FinalizedBlock, QueryResult
from huitong.core.codec import encode_uvarint
from huitong.core.errors import MempoolFullError
from huitong.core.invariants import InvariantBrokenError, invariant
from huitong.engines.cometbft.abci.connection import Connection
from huitong.engines.cometbft.abci.errors import AbciAddressError
from huitong.engines.cometbft.abci.framing import encode_frame
from huitong.engines.cometbft.abci.server import CONNECTIONS_MAX, AbciServer
from huitong.proto.tendermint.abci import types_pb2 as pb
from huitong.testing.consensus import AbciClient, AbciExceptionError
from tests.unit.engines.abci.served import ServedZone

ECHO = pb.Request(echo=pb.RequestEcho(message="汇通"))
FLUSH = pb.Request(flush=pb.RequestFlush())


@pytest.fixture
def served(tmp_path: Path) -> ServedZone:
    return ServedZone(tmp_path)


def _is_closed(client: AbciClient) -> bool:
    client.socket.settimeout(10)
    try:
        return client.socket.recv(1) == b""
    except ConnectionError:
        return True
    finally:
        client.close()


@pytest.mark.parametrize("address", ["", "tcp://127.0.0.1:0"])
def test_both_kinds_of_address_answer(served: ServedZone, address: str) -> None:
    with served.serve(address) as server:
        assert not server.address.endswith(":0")
        client = AbciClient(server.address)
        assert client.call(echo=pb.RequestEcho(message="汇通")).message == "汇通"
        client.close()


def test_only_the_owner_may_connect(served: ServedZone) -> None:
    with served.serve():
        assert (served.folder / "abci.sock").stat().st_mode & 0o777 == 0o600


def test_a_thousand_requests_at_once_are_answered_in_order(served: ServedZone) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        requests = [
            pb.Request(echo=pb.RequestEcho(message=f"{number}"))
            for number in range(1_000)
        ]
        client.send(*requests, FLUSH)
        told = [client.receive().echo.message for _ in requests]
        assert told == [f"{number}" for number in range(1_000)]
        assert client.receive().WhichOneof("value") == "flush"
        client.close()


def test_requests_are_answered_without_flush_when_no_more_come(
    served: ServedZone,
) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        client.send(ECHO)
        assert client.receive().echo.message == "汇通"
        client.close()


def test_flush_brings_what_was_asked_before_it_although_more_is_asked_behind_it(
    served: ServedZone,
) -> None:
    gate = threading.Event()

    def held_query(*asked: Any) -> QueryResult:
        gate.wait(10)
        return served.app.query(*asked)

    served.service._answer_query = held_query
    with served.serve() as server:
        client = AbciClient(server.address)
        client.send(ECHO, FLUSH, pb.Request(query=pb.RequestQuery(path="/x")))
        assert client.receive().WhichOneof("value") == "echo"
        assert client.receive().WhichOneof("value") == "flush"
        gate.set()
        assert client.receive().query.code == 6
        client.close()


def test_a_frame_in_single_bytes_is_a_frame(served: ServedZone) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        for byte in encode_frame(ECHO.SerializeToString()):
            client.socket.sendall(bytes((byte,)))
        assert client.receive().echo.message == "汇通"
        client.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 64,
        encode_uvarint(104_857_601),
        b"\x00",
        encode_frame(b"\xff\xff\xff"),
        encode_frame(b"\xa2\x06\x00"),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_garbage_closes_its_connection_and_no_other(
    served: ServedZone, garbage: bytes
) -> None:
    with served.serve() as server:
        good, bad = AbciClient(server.address), AbciClient(server.address)
        good.call(echo=pb.RequestEcho(message="before"))
        bad.socket.sendall(garbage)
        if garbage.startswith(b"GET"):  # 71 bytes are announced, and never come
            bad.socket.shutdown(socket.SHUT_WR)
        assert _is_closed(bad)
        assert good.call(echo=pb.RequestEcho(message="after")).message == "after"
        assert served.failures == []
        good.close()


def test_what_came_before_garbage_is_answered(served: ServedZone) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        client.socket.sendall(encode_frame(ECHO.SerializeToString()) + b"\x00")
        assert client.receive().echo.message == "汇通"
        assert _is_closed(client)


def test_one_connection_too_many_is_closed_and_a_place_becomes_free_again(
    served: ServedZone,
) -> None:
    with served.serve() as server:
        clients = [AbciClient(server.address) for _ in range(CONNECTIONS_MAX)]
        for client in clients:
            client.call(echo=pb.RequestEcho())
        assert _is_closed(AbciClient(server.address))
        clients.pop().close()
        for _ in range(1_000):
            again = AbciClient(server.address)
            try:
                again.call(echo=pb.RequestEcho())
            except ConnectionError:
                again.close()
                continue
            break
        else:
            pytest.fail("no place became free")
        for client in [*clients, again]:
            client.close()


def test_a_query_is_answered_while_a_block_is_carried_out(served: ServedZone) -> None:
    begun, gate = threading.Event(), threading.Event()
    finalize = served.app.finalize_block

    def held(request: Any) -> FinalizedBlock:
        begun.set()
        assert gate.wait(10)
        return finalize(request)

    with served.driven() as driver:
        driver.make_block()
        served.app.finalize_block = held  # type: ignore[method-assign]
        driver.decide([])
        answers: list[FinalizedBlock] = []
        block = threading.Thread(target=lambda: answers.append(driver.finalize()))
        block.start()
        assert begun.wait(10)
        assert driver.query.call(info=pb.RequestInfo()).last_block_height == 1
        path = "/huitong.members.v1.Query/Members"
        assert driver.query.call(query=pb.RequestQuery(path=path)).code == 0
        raw = served.zone.sign("tax")
        assert driver.check_tx(raw).code == 18  # a refusal is an answer, too
        assert answers == []
        gate.set()
        block.join(10)
        assert len(answers) == 1


def test_a_block_does_not_wait_behind_a_query(served: ServedZone) -> None:
    begun, gate = threading.Event(), threading.Event()

    def held_query(*asked: Any) -> QueryResult:
        begun.set()
        assert gate.wait(10)
        return served.app.query(*asked)

    served.service._answer_query = held_query
    with served.driven() as driver:
        driver.query.send(pb.Request(query=pb.RequestQuery(path="/x")))
        assert begun.wait(10)
        driver.make_block()
        assert served.service.info().last_block_height == 1
        gate.set()
        assert driver.query.receive().query.code == 6


def test_requests_that_come_while_others_are_answered_keep_their_order(
    served: ServedZone,
) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        filler = "x" * 2_000
        requests = [
            pb.Request(echo=pb.RequestEcho(message=f"{number} {filler}"))
            for number in range(2_000)
        ]
        sender = threading.Thread(target=client.send, args=(*requests, FLUSH))
        sender.start()
        told = [client.receive().echo.message for _ in requests]
        assert told == [request.echo.message for request in requests]
        assert client.receive().WhichOneof("value") == "flush"
        sender.join(10)
        client.close()


def test_garbage_that_comes_while_others_are_answered_waits_for_its_turn(
    served: ServedZone,
) -> None:
    with served.serve() as server:
        client = AbciClient(server.address)
        echo = encode_frame(ECHO.SerializeToString())
        sender = threading.Thread(
            target=_send_all, args=(client.socket, echo * 20_000 + b"\xff" * 64)
        )
        sender.start()
        for _ in range(20_000):
            assert client.receive().echo.message == "汇通"
        assert _is_closed(client)
        sender.join(10)


@pytest.mark.parametrize("failure", [MempoolFullError, KeyError, MemoryError])
def test_a_failing_block_is_told_once_and_nothing_is_done_after_it(
    served: ServedZone, failure: type[Exception]
) -> None:
    def fail(request: Any) -> FinalizedBlock:
        raise failure(size=1, maximum=1) if failure is MempoolFullError else failure

    with served.driven() as driver:
        driver.make_block()
        served.app.finalize_block = fail  # type: ignore[method-assign]
        driver.decide([])
        for _ in range(2):
            with pytest.raises(AbciExceptionError, match=failure.__name__):
                driver.finalize()
        with pytest.raises(AbciExceptionError):
            driver.query.call(info=pb.RequestInfo())
    assert [type(item) for item in served.failures] == [failure]


def test_a_bug_in_a_query_or_a_check_is_refused_and_stops_nobody(
    served: ServedZone,
) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError("bug")

    with served.driven() as driver:
        served.app.query = fail  # type: ignore[method-assign]
        served.app.check_tx = fail  # type: ignore[method-assign]
        answer = driver.query.call(query=pb.RequestQuery(path="/x", height=7))
        assert (answer.code, answer.codespace, answer.height) == (111222, "sdk", 7)
        assert answer.log == "internal error: KeyError"
        assert driver.check_tx(b"x").code == 111222
        driver.make_block()
    assert served.failures == []


def test_a_broken_invariant_in_a_check_stops_the_node(served: ServedZone) -> None:
    with served.driven() as driver:
        served.app.check_tx = lambda raw: invariant(False, "sums agree")  # type: ignore
        with pytest.raises(AbciExceptionError, match="sums agree"):
            driver.check_tx(b"x")
    assert [type(item) for item in served.failures] == [InvariantBrokenError]


def test_stop_waits_for_the_call_in_hand_and_closes_everything(
    served: ServedZone,
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def held_query(*asked: Any) -> QueryResult:
        begun.set()
        assert gate.wait(10)
        return served.app.query(*asked)

    served.service._answer_query = held_query
    with served.serve() as server:
        idle, busy = AbciClient(server.address), AbciClient(server.address)
        idle.call(echo=pb.RequestEcho())
        busy.send(pb.Request(query=pb.RequestQuery(path="/x")))
        assert begun.wait(10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert _is_closed(idle)
        assert stopping.is_alive()
        gate.set()
        assert busy.receive().query.code == 6
        assert _is_closed(busy)
        stopping.join(10)
        server.stop()
        assert not (served.folder / "abci.sock").exists()
        with pytest.raises(OSError):
            AbciClient(server.address)


def test_a_peer_that_takes_no_answers_is_given_up(
    served: ServedZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huitong.engines.cometbft.abci.server._SEND_TIMEOUT_S", 0.2)
    with served.serve() as server:
        client = AbciClient(server.address)
        echo = pb.Request(echo=pb.RequestEcho(message="x" * 1_000_000))
        frame = encode_frame(echo.SerializeToString())
        sender = threading.Thread(target=_send_all, args=(client.socket, frame * 8))
        sender.start()
        client.socket.recv(1)  # answers come; nobody takes the rest
        server.stop()
        client.close()
        sender.join(10)
        assert not sender.is_alive()


def _send_all(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except OSError:
        return


def test_the_socket_that_a_killed_process_left_is_replaced(served: ServedZone) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(served.folder / "abci.sock"))
    left.close()
    with served.serve() as server:
        AbciClient(server.address).close()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("unix://", "a path of 1 to 107 bytes"),
        ("unix:///" + "x" * 107, "a path of 1 to 107 bytes"),
        ("unix:///nowhere/abci.sock", "No such file"),
        ("tcp://127.0.0.1:port", "invalid literal"),
        ("tcp://127.0.0.1:70000", "a port is at most"),
        ("http://127.0.0.1:1", "neither unix nor tcp"),
    ],
)
def test_an_address_that_cannot_be_is_refused(
    served: ServedZone, address: str, reason: str
) -> None:
    server = AbciServer(
        address=address, service=served.service, on_failure=served.failures.append
    )
    with pytest.raises(AbciAddressError, match=reason):
        server.start()


def test_a_place_that_is_taken_is_refused(served: ServedZone, tmp_path: Path) -> None:
    with (
        served.serve() as server,
        pytest.raises(AbciAddressError, match="another process listens there"),
        served.serve(server.address),
    ):
        pass
    other = tmp_path / "file"
    other.write_text("precious")
    with (
        pytest.raises(AbciAddressError, match="no socket"),
        served.serve(f"unix://{other}"),
    ):
        pass
    assert other.read_text() == "precious"


def test_a_lost_connection_frees_its_thread() -> None:
    ours, theirs = socket.socketpair()
    ended = threading.Event()
    Connection(ours, "lost", lambda _: (b"x", True), lambda _: ended.set()).start()
    theirs.close()
    assert ended.wait(10)
