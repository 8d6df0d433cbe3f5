"""The base of all tables, and the column types that both databases keep alike.

Times are nanoseconds since the epoch, UTC, as everywhere in Huitong; digests and keys are
raw bytes; anything with an inner form is JSON.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from sqlalchemy import JSON, BigInteger, Integer, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

#: Names of constraints, so that a migration can find them again on either database.
_NAMES: Final = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

TimeNs = Annotated[int, mapped_column(BigInteger)]
"""Nanoseconds since the epoch, UTC."""
Count = Annotated[int, mapped_column(BigInteger)]
"""A whole number that may pass 2**31: heights, sequences, sizes."""
Digest = Annotated[bytes, mapped_column(LargeBinary(32))]
"""SHA-256 or a key of 32 bytes."""
Blob = Annotated[bytes, mapped_column(LargeBinary)]
"""Bytes of any length, such as an encoded message."""
Name = Annotated[str, mapped_column(String(128))]
"""An identifier: member, record, channel, account, key."""
Text = Annotated[str, mapped_column(String(4096))]
"""Words for people."""
Json = Annotated[dict[str, Any], mapped_column(JSON)]
"""A value with an inner form that no query looks into."""

NumberKey = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
]
"""A primary key that counts up. SQLite does that only in its own type of whole numbers."""


class Base(DeclarativeBase):
    """What every table of the gateway derives from."""

    metadata = MetaData(naming_convention=_NAMES)
