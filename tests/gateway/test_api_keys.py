"""API keys on both databases: made, used, rotated, ended."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from huitong.gateway.access.api_keys import ApiKeys
from huitong.gateway.access.callers import Caller, CallerKind
from huitong.gateway.access.errors import (
    ApiKeyEndedError,
    ApiKeyError,
    ApiKeyNameError,
    ApiKeyNotFoundError,
    ApiKeyTermError,
    RolesTogetherError,
    RoleUnknownError,
)
from huitong.gateway.access.roles import Role
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.access.tables import ApiKeyRow
from huitong.gateway.database.engine import Database
from tests.gateway.issuer_kit import Clocks

DAY_S = 86_400
BOTH = (Role.INTEGRATOR, Role.OFFICER)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def keys(database: Database, clocks: Clocks) -> ApiKeys:
    return ApiKeys(database, AccessSettings(), clock=clocks.ns)


async def test_key_names_its_caller(keys: ApiKeys) -> None:
    made = await keys.create("ERP of Ningbo", BOTH, term_s=DAY_S, by="key:first")
    assert made.key.startswith(f"htk_{made.view.id}_")
    assert await keys.authenticate(made.key) == Caller(
        f"key:{made.view.id}", "ERP of Ningbo", frozenset(BOTH), CallerKind.API_KEY
    )
    assert (made.view.made_by, made.view.roles) == ("key:first", BOTH)


async def test_key_itself_is_stored_and_shown_nowhere(
    keys: ApiKeys, database: Database
) -> None:
    made = await keys.create("a", [Role.SYSTEM], term_s=DAY_S, by="")
    secret = made.key.rpartition("_")[2]
    async with database.transaction() as session:
        row = (await session.execute(select(ApiKeyRow.__table__))).one()
    assert secret not in repr(row)
    assert secret not in repr(made)
    assert secret not in repr(await keys.get(made.view.id))


async def test_wrong_keys_are_refused_alike(keys: ApiKeys) -> None:
    made = await keys.create("a", [Role.SYSTEM], term_s=DAY_S, by="")
    other = await keys.create("b", [Role.SYSTEM], term_s=DAY_S, by="")
    secret = made.key.split("_", 2)[2]
    last = "A" if made.key[-2] != "A" else "B"
    wrong = [
        made.key[:-2] + last + made.key[-1],
        f"htk_{other.view.id}_{secret}",
        f"htk_{'0' * 16}_{secret}",
        made.key + "A",
        made.key[:-1],
        made.key + "\n",
        made.key.upper(),
        "htk_",
        "htk_\udcff",
    ]
    told = set()
    for key in wrong:
        with pytest.raises(ApiKeyError) as refused:
            await keys.authenticate(key)
        told.add(str(refused.value))
    assert told == {"the API key is not valid"}


async def test_key_ends_with_its_term(keys: ApiKeys, clocks: Clocks) -> None:
    made = await keys.create("a", [Role.SYSTEM], term_s=10, by="")
    clocks.seconds += 9
    await keys.authenticate(made.key)
    clocks.seconds += 1
    with pytest.raises(ApiKeyError):
        await keys.authenticate(made.key)


async def test_revoked_key_is_refused_at_once_here_and_soon_elsewhere(
    keys: ApiKeys, database: Database, clocks: Clocks
) -> None:
    elsewhere = ApiKeys(database, AccessSettings(), clock=clocks.ns)
    made = await keys.create("a", [Role.SYSTEM], term_s=DAY_S, by="")
    await elsewhere.authenticate(made.key)
    first = await keys.revoke(made.view.id)
    with pytest.raises(ApiKeyError):
        await keys.authenticate(made.key)
    clocks.seconds += AccessSettings().api_key_cache_s
    with pytest.raises(ApiKeyError):
        await elsewhere.authenticate(made.key)
    assert await keys.revoke(made.view.id) == first  # once is enough


async def test_rotated_key_works_beside_the_new_one_for_a_while(
    keys: ApiKeys, clocks: Clocks
) -> None:
    old = await keys.create("a", BOTH, term_s=DAY_S, by="")
    new = await keys.rotate(old.view.id, term_s=DAY_S, overlap_s=60, by="key:second")
    assert (new.view.name, new.view.roles) == ("a", BOTH)
    assert (new.view.replaces, new.view.made_by) == (old.view.id, "key:second")
    clocks.seconds += 59
    await keys.authenticate(old.key)
    clocks.seconds += 1
    with pytest.raises(ApiKeyError):
        await keys.authenticate(old.key)
    await keys.authenticate(new.key)


async def test_rotation_never_makes_the_old_key_live_longer(keys: ApiKeys) -> None:
    old = await keys.create("a", BOTH, term_s=60, by="")
    await keys.rotate(old.view.id, term_s=DAY_S, overlap_s=DAY_S, by="")
    assert (await keys.get(old.view.id)).expires_ns == old.view.expires_ns


async def test_key_that_has_ended_is_not_rotated(keys: ApiKeys, clocks: Clocks) -> None:
    revoked = await keys.create("a", BOTH, term_s=DAY_S, by="")
    expired = await keys.create("b", BOTH, term_s=1, by="")
    await keys.revoke(revoked.view.id)
    clocks.seconds += 1
    for made in (revoked, expired):
        with pytest.raises(ApiKeyEndedError):
            await keys.rotate(made.view.id, term_s=DAY_S, overlap_s=0, by="")


async def test_last_use_is_noted_to_the_minute(keys: ApiKeys, clocks: Clocks) -> None:
    made = await keys.create("a", BOTH, term_s=DAY_S, by="")
    assert made.view.used_ns is None
    noted = []
    for _ in range(4):
        await keys.authenticate(made.key)
        noted.append((await keys.get(made.view.id)).used_ns)
        clocks.seconds += 30
    assert noted[0] == noted[1] != noted[2] == noted[3]


async def test_keys_are_listed_in_pages(keys: ApiKeys) -> None:
    made = [await keys.create("a", BOTH, term_s=DAY_S, by="") for _ in range(5)]
    ids = sorted(item.view.id for item in made)
    first = await keys.page(limit=3)
    rest = await keys.page(after=first[-1].id, limit=3)
    assert [item.id for item in (*first, *rest)] == ids


@pytest.mark.parametrize(
    ("name", "roles", "term_s", "error"),
    [
        ("a", (), DAY_S, RoleUnknownError),
        ("a", (Role.OFFICER, Role.AUDITOR), DAY_S, RolesTogetherError),
        ("a", (Role.SECURITY, Role.OFFICER), DAY_S, RolesTogetherError),
        ("a", BOTH, 0, ApiKeyTermError),
        ("a", BOTH, 365 * DAY_S + 1, ApiKeyTermError),
        ("", BOTH, DAY_S, ApiKeyNameError),
        ("x" * 129, BOTH, DAY_S, ApiKeyNameError),
        ("a\0b", BOTH, DAY_S, ApiKeyNameError),
    ],
)
async def test_key_that_must_not_be_is_not_made(
    name: str,
    roles: tuple[Role, ...],
    term_s: int,
    error: type[Exception],
    keys: ApiKeys,
) -> None:
    with pytest.raises(error):
        await keys.create(name, roles, term_s=term_s, by="")
    assert not await keys.page()


async def test_unknown_id_is_told(keys: ApiKeys) -> None:
    for asked in (
        keys.get("0" * 16),
        keys.revoke("0" * 16),
        keys.rotate("0" * 16, term_s=1, overlap_s=0, by=""),
    ):
        with pytest.raises(ApiKeyNotFoundError):
            await asked
