"""Webhooks of a gateway that runs, to receivers that run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.events.register import JOB_STUCK, RECORD_PUBLISHED
from huitong.gateway.events.telling import tell
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.process import NodeProcess
from huitong.sdk.webhooks import WebhookSignatureError, read_webhook
from tests.api.gateway_kit import Callers, init, make_key, problem_of, run
from tests.unit.gateway.connectors.http_kit import Seen, Server, serve

pytestmark = pytest.mark.slow

SETTINGS = """
[webhooks]
networks = ["127.0.0.0/8"]
timeout_s = 3.0
pending_max = 5

[outbox]
attempts_max = 3
retry_first_s = 0.1
"""
TYPE = RECORD_PUBLISHED.name


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("gateway") / "home"
    options = ["--key=gateway10", f"--key-from={node.home}"]
    assert init(home, node.rpc_url, *options).exit_code == 0
    with (home / "gateway.toml").open("a") as file:
        file.write(SETTINGS)
    with GatewayProcess(home) as gateway:
        made = Callers(gateway)
        yield made
        made.close()


def _tell(
    callers: Callers, *subjects: str, event: Any = RECORD_PUBLISHED, **data: Any
) -> None:
    async def write() -> None:
        url = f"sqlite:///{callers.gateway.home}/gateway.db"
        async with Database(url) as database, database.transaction() as session:
            for subject in subjects:
                tell(session, event, subject, data)

    asyncio.run(write())


def _create(callers: Callers, url: str, **given: Any) -> dict[str, Any]:
    body = {"name": "test", "url": url, "roles": ["integrator"], "types": [TYPE]}
    made = callers[Role.SECURITY].post("/v1/webhooks", json=body | given)
    assert made.status_code == 201, made.text
    answer = made.json()
    assert isinstance(answer, dict)
    return answer


@contextmanager
def _webhook(callers: Callers, url: str, **given: Any) -> Iterator[tuple[str, str]]:
    """Make a webhook, give its path and secret, and remove it in the end."""
    made = _create(callers, url, **given)
    path = f"/v1/webhooks/{made['id']}"
    try:
        yield path, made["secret"]
    finally:
        assert callers[Role.SECURITY].delete(path).status_code == 200


def _wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _subjects(server: Server) -> list[str]:
    return [orjson.loads(seen.body)["subject"] for seen in server.seen]


def _stuck(callers: Callers, path: str) -> list[dict[str, Any]]:
    subject = path.removeprefix("/v1/webhooks/")
    jobs = callers[Role.SYSTEM].get(
        "/v1/jobs", params={"state": "stuck", "subject": f"webhook/{subject}"}
    )
    return list(jobs.json()["items"])


def _taken(_: Seen) -> tuple[int, bytes]:
    return 204, b""


def test_event_arrives_signed_and_a_tampered_one_is_rejected(callers: Callers) -> None:
    with serve(_taken) as server, _webhook(callers, server.url) as (_, secret):
        _tell(callers, "R-1", version="2")
        _wait(lambda: bool(server.seen))
        (seen,) = server.seen
    event = read_webhook(seen.headers, seen.body, secret)
    assert (event.type, event.subject, event.data) == (TYPE, "R-1", {"version": "2"})
    assert seen.headers["content-type"].startswith("application/cloudevents+json")
    listed = callers[Role.INTEGRATOR].get("/v1/events", params={"subject": "R-1"})
    assert listed.json()["items"][0]["id"] == event.id
    with pytest.raises(WebhookSignatureError):
        read_webhook(seen.headers, seen.body.replace(b"R-1", b"R-2"), secret)
    with pytest.raises(WebhookSignatureError):
        read_webhook(seen.headers, seen.body, "whsec_" + "A" * 43 + "=")


def test_attempts_at_one_event_have_one_id_and_one_body(callers: Callers) -> None:
    answers = iter([503, 500])

    def answer(_: Seen) -> tuple[int, bytes]:
        return next(answers, 204), b""

    with serve(answer) as server, _webhook(callers, server.url):
        _tell(callers, "again")
        _wait(lambda: len(server.seen) == 3)
        assert len({seen.headers["webhook-id"] for seen in server.seen}) == 1
        assert len({seen.body for seen in server.seen}) == 1


def test_only_the_types_it_wants_and_its_roles_see_are_sent(callers: Callers) -> None:
    with serve(_taken) as server, _webhook(callers, server.url, types=[]):
        made = callers[Role.SECURITY].post(
            "/v1/api-keys", json={"name": "hidden", "roles": ["system"]}
        )
        _tell(callers, "seen")
        _wait(lambda: "seen" in _subjects(server))
        assert made.json()["id"] not in _subjects(server)


def test_dead_receiver_keeps_no_other_waiting_and_loses_nothing(
    callers: Callers,
) -> None:
    is_dead = True

    def answer(_: Seen) -> tuple[int, bytes]:
        return (503 if is_dead else 204), b""

    wanted = [f"D-{number}" for number in range(12)]
    with (
        serve(answer) as dead,
        serve(_taken) as alive,
        _webhook(callers, dead.url) as (path, _),
        _webhook(callers, alive.url),
    ):
        _tell(callers, *wanted)
        _wait(lambda: len(alive.seen) == 12)
        assert sorted(_subjects(alive)) == sorted(wanted)
        # No more than the settings say are stuck; the others wait in their order.
        _wait(lambda: len(_stuck(callers, path)) == 5)
        view = callers[Role.SECURITY].get(path).json()
        assert (view["pending"], view["stuck"]) == (0, 5)
        stuck = _stuck(callers, path)
        assert {job["problem"]["codespace"] for job in stuck} == {"webhook"}
        is_dead = False
        before = len(dead.seen)
        for job in stuck:
            answered = callers[Role.SYSTEM].post(f"/v1/undelivered/{job['id']}/retry")
            assert answered.status_code == 202, answered.text
        _wait(lambda: len(dead.seen) == before + 12)
        assert sorted(_subjects(dead)[before:]) == sorted(wanted)
        _wait(lambda: callers[Role.SECURITY].get(path).json()["stuck"] == 0)


def test_receiver_that_says_nothing_is_given_up_after_its_time(
    callers: Callers,
) -> None:
    def hang(_: Seen) -> tuple[int, bytes]:
        time.sleep(4)
        return 204, b""

    with serve(hang) as server, _webhook(callers, server.url) as (path, _):
        trial = callers[Role.SECURITY].post(f"{path}/test").json()
    assert trial["delivered"] is False
    assert trial["problem"]["detail"].endswith("no answer in time")


def test_redirect_is_not_followed(callers: Callers) -> None:
    with serve(_taken) as inside:

        def lead_inside(_: Seen) -> tuple[int, bytes]:
            return 307, f"{inside.url}/secret".encode()

        with serve(lead_inside) as server, _webhook(callers, server.url) as (path, _):
            _tell(callers, "led")
            _wait(lambda: len(_stuck(callers, path)) == 1)
            (job,) = _stuck(callers, path)
            assert job["attempts"] == 1
            assert (job["problem"]["codespace"], job["problem"]["code"]) == (
                "webhook",
                7,
            )
            skipped = (
                callers[Role.SYSTEM].post(f"/v1/undelivered/{job['id']}/skip").json()
            )
            assert skipped["state"] == "skipped"
        assert inside.seen == []


def test_stuck_webhook_is_told_of_once_and_not_to_webhooks(callers: Callers) -> None:
    def refuse(_: Seen) -> tuple[int, bytes]:
        return 400, b""

    hook = {"types": [JOB_STUCK.name], "roles": ["system"]}
    with serve(refuse) as server, _webhook(callers, server.url, **hook) as (path, _):
        _tell(callers, "x", event=JOB_STUCK, kind="grants.give", job=1)
        _wait(lambda: len(_stuck(callers, path)) == 1)
        subject = "webhook/" + path.rsplit("/", 1)[1]
        query = {"subject": subject}
        system = callers[Role.SYSTEM]
        _wait(lambda: bool(system.get("/v1/events", params=query).json()["items"]))
        position = callers[Role.SECURITY].get(path).json()["position"]
        told = system.get("/v1/events", params=query).json()["items"]
        _wait(
            lambda: (
                callers[Role.SECURITY].get(path).json()["position"]
                >= int(told[-1]["id"])
            )
        )
        assert position
        assert len(server.seen) == 1


def test_secret_is_rotated_with_an_overlap(callers: Callers) -> None:
    with serve(_taken) as server, _webhook(callers, server.url) as (path, old):
        made = callers[Role.SECURITY].post(f"{path}/secret", json={"overlap_s": 600})
        new = made.json()["secret"]
        assert made.status_code == 201
        assert new != old
        callers[Role.SECURITY].post(f"{path}/test")
        for secret in (old, new):
            read_webhook(server.seen[-1].headers, server.seen[-1].body, secret)
        newest = (
            callers[Role.SECURITY]
            .post(f"{path}/secret", json={"overlap_s": 0})
            .json()["secret"]
        )
        callers[Role.SECURITY].post(f"{path}/test")
        read_webhook(server.seen[-1].headers, server.seen[-1].body, newest)
        with pytest.raises(WebhookSignatureError):
            read_webhook(server.seen[-1].headers, server.seen[-1].body, new)


def test_secret_is_shown_once(callers: Callers) -> None:
    body = {"name": "n", "url": "https://erp.example.cn/x", "roles": ["integrator"]}
    headers = {"idempotency-key": "webhook-once-1"}
    security = callers[Role.SECURITY]
    made = security.post("/v1/webhooks", json=body, headers=headers).json()
    again = security.post("/v1/webhooks", json=body, headers=headers)
    assert again.status_code == 409
    path = f"/v1/webhooks/{made['id']}"
    for answer in (security.get(path), security.get("/v1/webhooks"), again):
        assert made["secret"] not in answer.text
    assert (
        made["secret"].encode()
        not in (callers.gateway.home / "gateway.db").read_bytes()
    )
    assert security.delete(path).json()["id"] == made["id"]
    assert problem_of(security.get(path)) == (404, "http/5")


def test_webhook_that_is_removed_takes_its_stuck_events_with_it(
    callers: Callers,
) -> None:
    with serve(lambda _: (400, b"")) as server:
        with _webhook(callers, server.url) as (path, _):
            _tell(callers, "left")
            _wait(lambda: len(_stuck(callers, path)) == 1)
        assert _stuck(callers, path) == []


def test_webhook_begins_where_it_is_told_to(callers: Callers) -> None:
    _tell(callers, "before")
    query = {"subject": "before"}
    auditor = callers[Role.AUDITOR]
    _wait(lambda: bool(auditor.get("/v1/events", params=query).json()["items"]))
    with serve(_taken) as server, _webhook(callers, server.url, since=0):
        _wait(lambda: "before" in _subjects(server))


def test_event_comes_again_after_the_gateway_was_killed(
    callers: Callers, node: NodeProcess
) -> None:
    with (
        serve(lambda _: (503, b"")) as server,
        _webhook(callers, server.url) as (_, _s),
    ):
        _tell(callers, "killed")
        _wait(lambda: bool(server.seen))
        callers.gateway.kill()
        count = len(server.seen)
        callers.gateway.start()
        callers.move()
        _wait(lambda: len(server.seen) > count)
        assert len({seen.headers["webhook-id"] for seen in server.seen}) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "https://10.0.0.1/x"}, 422, "webhook/5"),
        ({"url": "https://169.254.169.254/latest"}, 422, "webhook/5"),
        ({"url": "https://[::1]/x"}, 422, "webhook/5"),
        ({"url": "http://erp.example.cn/x"}, 422, "webhook/4"),
        ({"url": "https://u:p@erp.example.cn/x"}, 422, "webhook/4"),
        ({"url": ""}, 422, "http/2"),
        ({"types": ["cn.huitong.api-key.made.v1"]}, 422, "events/5"),
        ({"types": ["cn.huitong.nothing.v1"]}, 422, "http/2"),
        ({"roles": []}, 422, "http/2"),
        ({"roles": ["officer", "auditor"]}, 403, "access/8"),
        ({"since": 10**12}, 422, "events/3"),
        ({"since": "1"}, 422, "http/2"),
        ({"secret": "mine"}, 422, "http/2"),
        ({"name": "a\nb"}, 422, "http/2"),
    ],
)
def test_webhook_is_refused(
    callers: Callers, change: dict[str, Any], status: int, code: str
) -> None:
    body = {"name": "n", "url": "https://erp.example.cn/x", "roles": ["integrator"]}
    before = len(callers[Role.SECURITY].get("/v1/webhooks").json()["items"])
    answer = callers[Role.SECURITY].post("/v1/webhooks", json=body | change)
    assert problem_of(answer) == (status, code)
    after = callers[Role.SECURITY].get("/v1/webhooks").json()["items"]
    assert len(after) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/webhooks/0123456789abcdef"),
        ("DELETE", "/v1/webhooks/0123456789abcdef"),
        ("POST", "/v1/webhooks/0123456789abcdef/test"),
        ("POST", "/v1/webhooks/0123456789abcdef/secret"),
    ],
)
def test_webhook_that_does_not_exist_is_absent(
    callers: Callers, method: str, path: str
) -> None:
    body = {} if path.endswith("secret") else None
    answer = callers[Role.SECURITY].request(method, path, json=body)
    assert problem_of(answer) == (404, "http/5")


def test_commands_make_try_show_and_remove_a_webhook(callers: Callers) -> None:
    key_file = callers.gateway.home / "security.key"
    key_file.write_text(make_key(callers.gateway.home, Role.SECURITY))
    where = [f"--url={callers.gateway.url}", f"--key-file={key_file}", "--json"]

    def gw(*arguments: object, code: int = 0) -> Any:
        done = run("gw", "webhooks", *arguments, *where)
        assert done.exit_code == code, done.output
        return orjson.loads(done.stdout)

    with serve(_taken) as server:
        made = gw("add", "ERP", server.url, "--role=integrator", f"--type={TYPE}")
        assert gw("test", made["id"])["delivered"] is True
        read_webhook(server.seen[0].headers, server.seen[0].body, made["secret"])
        rotated = gw("rotate-secret", made["id"], "--overlap=0")
        assert rotated["secret"] != made["secret"]
        assert made["id"] in [one["id"] for one in gw("list")["webhooks"]]
        assert gw("show", made["id"])["name"] == "ERP"
    assert gw("test", made["id"], code=1)["problem"]["code"] == 6
    gw("remove", made["id"])
