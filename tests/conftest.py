"""Settings of all tests: nothing is judged by time, and every seed can be replayed."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from huitong.testing.postgres import PostgresMissingError, PostgresServer
from huitong.testing.s3 import S3Server, running_s3
from huitong.testing.soft_token import SoftToken
from tests.programs import need_cometbft, need_rclone, need_softhsm

# A machine that is busy with something else must not turn a test red, so there is no
# deadline and slow generation is not a failure. The everyday run looks at 100 examples
# of each property; HYPOTHESIS_PROFILE=deep looks at many more.
settings.register_profile(
    "everyday", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "deep",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=2_000,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))


def pytest_configure() -> None:
    """Let SIGTERM end a run as Ctrl-C does: fixtures stop what they have started.

    A lane whose time is up is sent it; nodes are in sessions of their own.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def cometbft() -> Path:
    """Return the program ``cometbft``; what needs it is not run where it is absent."""
    return need_cometbft()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server for the tests of this process."""
    try:
        server = PostgresServer()
    except PostgresMissingError as missing:
        pytest.skip(f"not run: {missing}")
    with server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of one kind after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Run a server that speaks S3 for the tests of this process."""
    program = need_rclone()
    with running_s3(program, Path(tempfile.mkdtemp(prefix="ht-s3-"))) as server:
        yield server


@pytest.fixture(scope="session")
def soft_token() -> Iterator[SoftToken]:
    """Make a PKCS#11 token for the tests of this process."""
    module = need_softhsm()
    with tempfile.TemporaryDirectory(prefix="ht-token-") as folder:
        yield SoftToken(module, Path(folder))
