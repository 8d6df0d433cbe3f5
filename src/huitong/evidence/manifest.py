"""The list of a bundle's entries with their digests, and the maker's signature of it.

Addenda lie outside the signed manifest, so that a bundle can be refreshed by anybody who
holds it, without the maker's key. Each has a manifest of its own, which follows from the
addendum's entries and the signed manifest alone; nothing in it is free to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from huitong.core.hashing import sha256
from huitong.core.secp256k1 import (
    PUBLIC_KEY_SIZE_BYTES,
    SIGNATURE_SIZE_BYTES,
    public_key_of_private_key,
)
from huitong.core.time import TimeNs, format_rfc3339
from huitong.evidence.errors import (
    EntryDigestError,
    EntryMissingError,
    ManifestError,
    ManifestSignatureError,
)
from huitong.evidence.model import FORMAT
from huitong.evidence.reading import decode_entry, encode_entry
from huitong.evidence.signing import (
    ALGORITHM,
    sign_manifest,
    verify_manifest_signature,
)

MANIFEST_ENTRY: Final = "manifest.json"
SIGNATURE_ENTRY: Final = "manifest.sig.json"
ADDENDA_PREFIX: Final = "addenda/"
_UNLISTED: Final = frozenset({MANIFEST_ENTRY, SIGNATURE_ENTRY})


def seal_entries(
    entries: Mapping[str, bytes], *, created_ns: TimeNs, private_key: bytes
) -> dict[str, bytes]:
    """Return ``entries`` together with the manifest and its signature."""
    manifest = encode_manifest(entries, created_ns)
    signature = sign_manifest(manifest, private_key)
    return {
        **entries,
        MANIFEST_ENTRY: manifest,
        SIGNATURE_ENTRY: _encode_signature(signature, private_key),
    }


def encode_manifest(entries: Mapping[str, bytes], created_ns: TimeNs) -> bytes:
    """Return the manifest of these entries."""
    return encode_entry(
        {
            "created": format_rfc3339(created_ns),
            "entries": list_entries(entries),
            "format": FORMAT,
        }
    )


def list_entries(entries: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Return name, size and digest of each entry, by name."""
    return [
        {
            "name": name,
            "sha256": sha256(entries[name]).hex(),
            "size": len(entries[name]),
        }
        for name in sorted(entries)
    ]


def listed_entries(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the entries that the signed manifest must list: all but a few."""
    return {
        name: data
        for name, data in entries.items()
        if name not in _UNLISTED and not name.startswith(ADDENDA_PREFIX)
    }


def check_manifest(entries: Mapping[str, bytes]) -> TimeNs:
    """Check that the manifest lists exactly what is there; return its time.

    Raises:
        EntryMissingError: there is no manifest.
        EntryFormError: the manifest is malformed.
        EntryDigestError: an entry was changed.
        ManifestError: other entries than listed, or another format.
    """
    if MANIFEST_ENTRY not in entries:
        raise EntryMissingError(entry=MANIFEST_ENTRY)
    fields = decode_entry(MANIFEST_ENTRY, entries[MANIFEST_ENTRY])
    if (name := fields.text("format")) != FORMAT:
        raise ManifestError(
            reason=f"format {name[:40]!r}, this software reads {FORMAT}"
        )
    created_ns = fields.time("created")
    listed: dict[str, bytes] = {}
    for line in fields.objects("entries"):
        name = line.text("name")
        listed[name] = line.hexadecimal("sha256", 32)
        line.integer("size")
        line.end()
    fields.end()
    present = listed_entries(entries)
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            raise ManifestError(reason=f"it lists {name!r}, which is not there")
        if name not in listed:
            raise ManifestError(reason=f"it does not list {name!r}")
        if (digest := sha256(present[name])) != listed[name]:
            raise EntryDigestError(entry=name, actual=digest, expected=listed[name])
    if encode_manifest(present, created_ns) != entries[MANIFEST_ENTRY]:
        raise ManifestError(reason="it is not the one that the entries give")
    return created_ns


def verify_signature(entries: Mapping[str, bytes]) -> bytes:
    """Verify the signature over the manifest; return the public key that made it.

    Raises:
        EntryMissingError: there is no signature.
        EntryFormError: it is malformed.
        ManifestSignatureError: it does not verify.
    """
    if SIGNATURE_ENTRY not in entries:
        raise EntryMissingError(entry=SIGNATURE_ENTRY)
    fields = decode_entry(SIGNATURE_ENTRY, entries[SIGNATURE_ENTRY])
    if (name := fields.text("algorithm")) != ALGORITHM:
        raise ManifestSignatureError(reason=f"algorithm {name[:40]!r}")
    public_key = fields.hexadecimal("public_key", PUBLIC_KEY_SIZE_BYTES)
    signature = fields.hexadecimal("signature", SIGNATURE_SIZE_BYTES)
    fields.end()
    verify_manifest_signature(entries[MANIFEST_ENTRY], signature, public_key)
    return public_key


def encode_addendum_manifest(
    entries: Mapping[str, bytes], signed_manifest: bytes
) -> bytes:
    """Return the manifest of one addendum; it follows from its arguments alone."""
    return encode_entry(
        {
            "addendum_to": sha256(signed_manifest).hex(),
            "entries": list_entries(entries),
            "format": FORMAT,
        }
    )


def _encode_signature(signature: bytes, private_key: bytes) -> bytes:
    return encode_entry(
        {
            "algorithm": ALGORITHM,
            "public_key": public_key_of_private_key(private_key).hex(),
            "signature": signature.hex(),
        }
    )
