"""The maker's signature over a bundle's manifest.

ECDSA with secp256k1 and SHA-256, by the same kind of key that signs transactions, over a
label and the manifest's bytes; 64 bytes r and s, the lower ``s`` only, so that nobody can
change the signature without the key. The nonce is derived (RFC 6979): the same bundle has
the same signature. Why not COSE: ``docs/decisions`` on the evidence bundle.
"""

from __future__ import annotations

from typing import Final

import coincurve
from coincurve.ecdsa import cdata_to_der, deserialize_compact

from huitong.evidence.errors import ManifestSignatureError

ALGORITHM: Final = "ecdsa-secp256k1-sha256"
SIGNATURE_SIZE_BYTES: Final = 64
PUBLIC_KEY_SIZE_BYTES: Final = 33
_LABEL: Final = b"huitong/evidence-manifest/1\n"
#: Half of the group's order; of the two equivalent signatures the lower ``s`` counts.
_HALF_ORDER: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
)


def sign_manifest(manifest: bytes, private_key: bytes) -> bytes:
    """Return the signature over a manifest, 64 bytes."""
    key = coincurve.PrivateKey(private_key)
    return key.sign_recoverable(_LABEL + manifest)[:SIGNATURE_SIZE_BYTES]


def verify_manifest_signature(
    manifest: bytes, signature: bytes, public_key: bytes
) -> None:
    """Verify that the holder of ``public_key`` signed the manifest.

    Raises:
        ManifestSignatureError: other manifest, other key, malformed or malleable.
    """
    if len(signature) != SIGNATURE_SIZE_BYTES:
        raise ManifestSignatureError(reason=f"{len(signature)} bytes")
    if signature[32:] > _HALF_ORDER:
        raise ManifestSignatureError(reason="the higher of two equivalent signatures")
    try:
        key = coincurve.PublicKey(public_key)
        der = cdata_to_der(deserialize_compact(signature))
    except ValueError as error:
        raise ManifestSignatureError(reason="malformed key or signature") from error
    if not key.verify(der, _LABEL + manifest):
        raise ManifestSignatureError(reason="another manifest or another key")
