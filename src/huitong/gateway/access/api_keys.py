"""API keys: ``htk_<id>_<secret>``, for programs that cannot ask an identity provider.

The secret has 256 random bits. Only the SHA-256 of the key is stored, and it is compared
in constant time, also against nothing when the id is unknown. Every key has an end.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import select, update

from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY, TimeNs
from huitong.gateway.access.callers import Caller, CallerKind
from huitong.gateway.access.errors import (
    ApiKeyEndedError,
    ApiKeyError,
    ApiKeyNameError,
    ApiKeyNotFoundError,
    ApiKeyTermError,
    RoleUnknownError,
)
from huitong.gateway.access.roles import Role, check_roles_together
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.access.tables import ApiKeyRow
from huitong.gateway.database.engine import Database
from huitong.gateway.events.register import API_KEY_MADE, API_KEY_REVOKED
from huitong.gateway.events.telling import tell

KEY_PREFIX: Final = "htk_"
#: Characters of a key's name.
NAME_CHARACTERS_MAX: Final = 128
#: Keys remembered by one process.
CACHED_KEYS_MAX: Final = 10_000
#: Between two notes of a key's last use, so that most requests cost no write.
USE_NOTED_NS: Final = 60 * NS_PER_SECOND
_KEY: Final = re.compile(r"htk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_NO_HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """What may be shown of an API key."""

    id: str
    name: str
    roles: tuple[Role, ...]
    made_ns: TimeNs
    made_by: str
    expires_ns: TimeNs
    used_ns: TimeNs | None
    """Last use, to the minute."""
    revoked_ns: TimeNs | None
    replaces: str | None
    """Id of the key that this one was rotated from."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made; the only time that it is shown."""

    key: str
    view: ApiKeyView

    def __repr__(self) -> str:
        """Leave out the key, so that no log shows it."""
        return f"NewApiKey({self.view.id})"


@final
class ApiKeys:
    """The API keys of a gateway."""

    def __init__(
        self,
        database: Database,
        settings: AccessSettings,
        *,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; ``clock`` tells nanoseconds since the epoch."""
        self._database = database
        self._settings = settings
        self._clock = clock
        self._cache: dict[str, tuple[TimeNs, ApiKeyRow]] = {}

    async def create(
        self, name: str, roles: Collection[Role], *, term_s: int, by: str
    ) -> NewApiKey:
        """Make a key.

        Args:
            name: what it is for; up to 128 characters.
            roles: at least one, see ``check_roles_together``.
            term_s: seconds until it ends.
            by: id of the caller who makes it.

        Raises:
            ApiKeyNameError: the name is empty, too long or not printable.
            RoleUnknownError: no role is named.
            RolesTogetherError: two roles must not be in one hand.
            ApiKeyTermError: the term is not within the settings' limit.
        """
        if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable()):
            raise ApiKeyNameError(maximum=NAME_CHARACTERS_MAX)
        if not roles:
            raise RoleUnknownError(role="''", known=", ".join(Role))
        check_roles_together(roles)
        self._check_term(term_s)
        return await self._insert(name, roles, term_s, by, replaces=None)

    async def rotate(
        self, key_id: str, *, term_s: int, overlap_s: int, by: str
    ) -> NewApiKey:
        """Make a key of the same name and roles; the old one ends after ``overlap_s``.

        Raises:
            ApiKeyNotFoundError: no key has this id.
            ApiKeyEndedError: it is revoked or expired.
            ApiKeyTermError: the term is not within the settings' limit.
        """
        self._check_term(term_s)
        old = await self.get(key_id)
        now_ns = self._clock()
        if old.revoked_ns is not None or old.expires_ns <= now_ns:
            raise ApiKeyEndedError(key_id=key_id)
        made = await self._insert(old.name, old.roles, term_s, by, replaces=key_id)
        end_ns = min(old.expires_ns, now_ns + max(0, overlap_s) * NS_PER_SECOND)
        await self._update(key_id, expires_ns=end_ns)
        return made

    async def revoke(self, key_id: str) -> ApiKeyView:
        """End a key now; one that has ended stays as it is.

        Raises:
            ApiKeyNotFoundError: no key has this id.
        """
        view = await self.get(key_id)
        if view.revoked_ns is None:
            async with self._database.transaction() as session:
                await session.execute(
                    update(ApiKeyRow)
                    .where(ApiKeyRow.id == key_id)
                    .values(revoked_ns=self._clock())
                )
                tell(session, API_KEY_REVOKED, key_id, _told(view, ""))
            self._cache.pop(key_id, None)
        return await self.get(key_id)

    async def get(self, key_id: str) -> ApiKeyView:
        """Return what may be shown of a key.

        Raises:
            ApiKeyNotFoundError: no key has this id.
        """
        async with self._database.reading() as session:
            row = await session.get(ApiKeyRow, key_id)
        if row is None:
            raise ApiKeyNotFoundError(key_id=key_id)
        return _view(row)

    async def page(self, *, after: str = "", limit: int = 50) -> Sequence[ApiKeyView]:
        """Return keys in the order of their ids, beginning behind ``after``."""
        query = (
            select(ApiKeyRow)
            .where(ApiKeyRow.id > after)
            .order_by(ApiKeyRow.id)
            .limit(limit)
        )
        async with self._database.searching() as session:
            return [_view(row) for row in await session.scalars(query)]

    async def authenticate(self, key: str) -> Caller:
        """Return the caller whose key it is.

        Raises:
            ApiKeyError: unknown, expired or revoked.
            DatabaseDownError: the database does not answer.
        """
        match = _KEY.fullmatch(key)
        row = await self._find(match[1]) if match else None
        stored = row.secret_hash if row is not None else _NO_HASH
        is_right = hmac.compare_digest(_hash(key), stored)
        now_ns = self._clock()
        if row is None or not is_right or row.revoked_ns is not None:
            raise ApiKeyError
        if row.expires_ns <= now_ns:
            raise ApiKeyError
        await self._note_use(row, now_ns)
        roles = frozenset(_roles(row))
        return Caller(f"key:{row.id}", row.name, roles, CallerKind.API_KEY)

    async def _find(self, key_id: str) -> ApiKeyRow | None:
        now_ns = self._clock()
        read_ns, row = self._cache.get(key_id, (None, None))
        cache_ns = self._settings.api_key_cache_s * NS_PER_SECOND
        if read_ns is not None and 0 <= now_ns - read_ns < cache_ns:
            return row
        async with self._database.reading() as session:
            row = await session.get(ApiKeyRow, key_id)
        if row is None:
            self._cache.pop(key_id, None)
            return None
        if len(self._cache) >= CACHED_KEYS_MAX:
            self._cache.clear()
        self._cache[key_id] = (now_ns, row)
        return row

    async def _note_use(self, row: ApiKeyRow, now_ns: TimeNs) -> None:
        if row.used_ns is None or now_ns - row.used_ns >= USE_NOTED_NS:
            row.used_ns = now_ns  # of the copy in the cache
            async with self._database.transaction() as session:
                await session.execute(
                    update(ApiKeyRow)
                    .where(ApiKeyRow.id == row.id)
                    .values(used_ns=now_ns)
                )

    async def _insert(
        self,
        name: str,
        roles: Collection[Role],
        term_s: int,
        by: str,
        *,
        replaces: str | None,
    ) -> NewApiKey:
        key_id, now_ns = secrets.token_hex(8), self._clock()
        key = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
        row = ApiKeyRow(
            id=key_id,
            name=name,
            roles=",".join(sorted(set(roles))),
            secret_hash=_hash(key),
            made_ns=now_ns,
            made_by=by,
            expires_ns=now_ns + term_s * NS_PER_SECOND,
            used_ns=None,
            revoked_ns=None,
            replaces=replaces,
        )
        async with self._database.transaction() as session:
            session.add(row)
            tell(session, API_KEY_MADE, key_id, _told(_view(row), by))
        return NewApiKey(key, _view(row))

    async def _update(self, key_id: str, **values: TimeNs) -> None:
        async with self._database.transaction() as session:
            await session.execute(
                update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(**values)
            )
        self._cache.pop(key_id, None)

    def _check_term(self, term_s: int) -> None:
        maximum_s = self._settings.api_key_days_max * SECONDS_PER_DAY
        if not 0 < term_s <= maximum_s:
            raise ApiKeyTermError(given_s=term_s, maximum_s=maximum_s)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _roles(row: ApiKeyRow) -> list[Role]:
    return [Role(name) for name in row.roles.split(",")]


def _told(view: ApiKeyView, by: str) -> dict[str, object]:
    return {"key": view.id, "name": view.name, "roles": list(view.roles), "by": by}


def _view(row: ApiKeyRow) -> ApiKeyView:
    return ApiKeyView(
        id=row.id,
        name=row.name,
        roles=tuple(_roles(row)),
        made_ns=row.made_ns,
        made_by=row.made_by,
        expires_ns=row.expires_ns,
        used_ns=row.used_ns,
        revoked_ns=row.revoked_ns,
        replaces=row.replaces,
    )
