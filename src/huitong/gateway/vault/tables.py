"""What the database keeps of payloads: wrapped keys, and where ciphertext lies."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import (
    Base,
    Blob,
    Count,
    Digest,
    Json,
    Name,
    TimeNs,
)


class KeyRow(Base):
    """A key of a data subject or of an issuer, wrapped under the key-encryption key."""

    __tablename__ = "vault_keys"

    key_id: Mapped[Name] = mapped_column(primary_key=True)
    """Random; what logs show."""
    owner: Mapped[Name] = mapped_column(index=True)
    """``subject:<hex>`` or ``issuer``."""
    active_owner: Mapped[Name | None] = mapped_column(unique=True)
    """The owner while this is the key for new payloads, so that there is one at most."""
    wrapped: Mapped[Blob | None]
    """Nothing once it is destroyed."""
    wrapping_id: Mapped[Name] = mapped_column(index=True)
    """Id of the key-encryption key."""
    created_ns: Mapped[TimeNs]
    destroyed_ns: Mapped[TimeNs | None]


class PayloadRow(Base):
    """A payload, with its data key wrapped under the key of its owner."""

    __tablename__ = "vault_payloads"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    holder: Mapped[Name] = mapped_column(primary_key=True)
    key_id: Mapped[Name] = mapped_column(ForeignKey(KeyRow.key_id), index=True)
    wrapped_key: Mapped[Blob | None]
    """Nothing once it is erased."""
    object_name: Mapped[Name] = mapped_column(unique=True)
    names: Mapped[Json]
    """``{"fields": […], "given": […]}``."""
    size: Mapped[Count]
    content_type: Mapped[Name]
    created_ns: Mapped[TimeNs]


class SealedRow(Base):
    """Bytes that are sealed to a reader, on their way out or in."""

    __tablename__ = "vault_sealed"

    sealed_digest: Mapped[Digest] = mapped_column(primary_key=True)
    object_name: Mapped[Name] = mapped_column(unique=True)
    size: Mapped[Count]
    owner: Mapped[Name | None] = mapped_column(index=True)
    """Owner of the payload that was sealed; erasing that drops these bytes too. Nothing
    for bytes that arrived."""
    holder: Mapped[Name] = mapped_column(default="", index=True)
    """What they were sealed for, such as an exchange: after a stop it may have been sealed
    for again, and then only this tells whose the first bytes are."""
    created_ns: Mapped[TimeNs]
