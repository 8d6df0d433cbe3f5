"""The maker's signature over a bundle's manifest.

By the same kind of key that signs transactions (``core.secp256k1``), over a label and the
manifest's bytes; the same bundle has the same signature. Why not COSE: ``docs/decisions``
on the evidence bundle.
"""

from __future__ import annotations

from typing import Final

from huitong.core.secp256k1 import is_signed, sign
from huitong.evidence.errors import ManifestSignatureError

ALGORITHM: Final = "ecdsa-secp256k1-sha256"
_LABEL: Final = b"huitong/evidence-manifest/1\n"


def sign_manifest(manifest: bytes, private_key: bytes) -> bytes:
    """Return the signature over a manifest, 64 bytes."""
    return sign(private_key, _LABEL + manifest)


def verify_manifest_signature(
    manifest: bytes, signature: bytes, public_key: bytes
) -> None:
    """Verify that the holder of ``public_key`` signed the manifest.

    Raises:
        ManifestSignatureError: other manifest, other key, malformed or malleable.
    """
    if not is_signed(public_key, _LABEL + manifest, signature):
        raise ManifestSignatureError(
            reason="another manifest, another key, or not in the one form"
        )
