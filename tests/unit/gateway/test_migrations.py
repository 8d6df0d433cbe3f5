"""Migrations: they make what the code declares, once, and newer forms are not touched."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from huitong.gateway.database.engine import Database
from huitong.gateway.database.errors import DatabaseNewerError, DatabaseOlderError
from huitong.gateway.database.migrating import (
    check_version,
    find_differences,
    find_version,
    migrate,
)

ROOT = Path(__file__).parents[3]


async def test_migrations_make_the_tables_that_the_code_declares(
    database_url: str,
) -> None:
    async with Database(database_url) as database:
        before = await migrate(database)
        assert before.found is None
        assert await find_differences(database) == []
        assert (await find_version(database)).is_newest


async def test_second_migration_changes_nothing(database_url: str) -> None:
    async with Database(database_url) as database:
        await migrate(database)
        assert (await migrate(database)).is_newest


async def test_several_processes_that_start_at_once_migrate_once(
    database_url: str,
) -> None:
    databases = [Database(database_url) for _ in range(4)]
    try:
        versions = await asyncio.gather(*(migrate(each) for each in databases))
    finally:
        for each in databases:
            await each.close()
    assert [version.is_newest for version in versions].count(False) == 1


async def test_database_that_was_not_migrated_is_refused(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(DatabaseOlderError):
            await check_version(database)


async def test_database_of_newer_software_is_refused_and_stays_as_it_is(
    database_url: str,
) -> None:
    async with Database(database_url) as database:
        await migrate(database)
        async with database.transaction() as session:
            await session.execute(
                text("UPDATE alembic_version SET version_num = '9999'")
            )
        for work in (migrate, check_version, find_version):
            with pytest.raises(DatabaseNewerError):
                await work(database)


def test_written_step_is_the_one_of_the_tables() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/generate_migration.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
