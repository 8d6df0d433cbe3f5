"""The self-signed certificates by which gateways know one another.

A certificate stands for one gateway: what counts is the hash of its public key (SPKI),
which the member's account signs in every statement. Names in it are for people only. A
certificate that may sign others is refused, so that a trusted one vouches for itself only.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from huitong.core.hashing import sha256
from huitong.gateway.peers.errors import CertificateError

#: How long a new certificate is good for: changed by hand, with both sides' settings.
VALID_DAYS: Final = 825
#: Bytes of a file with a certificate; more are a wrong file.
FILE_SIZE_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCertificate:
    """A gateway's certificate."""

    pem: bytes
    """The certificate in PEM."""
    spki_digest: bytes
    """SHA-256 of its public key in DER, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCertificate:
    """This gateway's certificate with its key, as files."""

    certificate: PeerCertificate
    certificate_path: Path
    key_path: Path = field(repr=False)


def make_certificate(member_id: str, chain_id: str) -> tuple[bytes, bytes]:
    """Return a fresh self-signed certificate (P-256) and its private key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, chain_id[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, member_id[:64]),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem_key


def read_certificate(path: Path) -> PeerCertificate:
    """Return the one certificate in a PEM file.

    Raises:
        CertificateError: no such file, not one certificate, or one that may sign others.
    """
    try:
        pem = path.read_bytes()[: FILE_SIZE_BYTES_MAX + 1]
        if len(pem) > FILE_SIZE_BYTES_MAX:
            raise CertificateError(place=path, reason="the file is too large")
        (found,) = x509.load_pem_x509_certificates(pem)
    except OSError as error:
        raise CertificateError(place=path, reason=error.strerror) from error
    except ValueError as error:
        reason = "it does not hold exactly one certificate in PEM"
        raise CertificateError(place=path, reason=reason) from error
    _check_stands_for_itself(found, path)
    return PeerCertificate(
        pem=found.public_bytes(Encoding.PEM), spki_digest=_spki_digest(found)
    )


def read_own_certificate(certificate: Path, key: Path) -> OwnCertificate:
    """Return this gateway's certificate with its key.

    Raises:
        CertificateError: a file is missing, or the two do not belong together.
    """
    own = read_certificate(certificate)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = f"its key {key}: {error.strerror or error}"
        raise CertificateError(place=certificate, reason=reason) from error
    return OwnCertificate(certificate=own, certificate_path=certificate, key_path=key)


def spki_digest_of(der: bytes) -> bytes:
    """Return the SHA-256 of the public key in a certificate in DER."""
    return _spki_digest(x509.load_der_x509_certificate(der))


def client_context(own: OwnCertificate, peer: PeerCertificate) -> ssl.SSLContext:
    """Return the TLS of a connection to one peer, which must show its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the key counts, wherever it answers
    _set_up(context, own, [peer])
    return context


def server_context(
    own: OwnCertificate, peers: Sequence[PeerCertificate]
) -> ssl.SSLContext:
    """Return the TLS of connections from peers, each of which must show a known one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_up(context, own, peers)
    return context


def _set_up(
    context: ssl.SSLContext, own: OwnCertificate, peers: Sequence[PeerCertificate]
) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(own.certificate_path, own.key_path)
    for peer in peers:
        context.load_verify_locations(cadata=peer.pem.decode("ascii"))


def _check_stands_for_itself(found: x509.Certificate, path: Path) -> None:
    try:
        found.verify_directly_issued_by(found)
    except Exception as error:
        raise CertificateError(place=path, reason="it is not self-signed") from error
    try:
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
        may_sign = constraints.value.ca
    except x509.ExtensionNotFound:
        may_sign = False
    if may_sign:
        raise CertificateError(place=path, reason="it may sign other certificates")


def _spki_digest(found: x509.Certificate) -> bytes:
    return sha256(
        found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
