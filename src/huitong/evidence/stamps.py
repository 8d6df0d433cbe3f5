"""Time-stamps of others on a bundle (RFC 3161), beside the times that its zones tell.

An authority signs that it saw the digest of the signed manifest at a time; the manifest
lists every entry with its digest, so the time-stamp covers them all. It is added behind
the signed part, as a refresh is, by anybody who holds the bundle.

A time-stamp whose authority the verifier does not trust says nothing, and is not refused
either: the verdict only says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx
from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from huitong.core.hashing import sha256
from huitong.core.limits import BUNDLE_ADDENDA_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.evidence.addenda import decode_addenda, encode_addendum
from huitong.evidence.case import Case
from huitong.evidence.container import decode_container, encode_container
from huitong.evidence.errors import AuthorityDownError, RefreshError, StampError
from huitong.evidence.manifest import MANIFEST_ENTRY
from huitong.evidence.model import Addendum

#: Bytes of an authority's answer.
STAMP_BYTES_MAX: Final = 64 * 1024
#: Seconds that an authority may take.
TIMEOUT_S: Final = 20.0
_GRANTED: Final = 0
_QUERY: Final = "application/timestamp-query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a time-stamp says."""

    time_ns: int
    """When the authority saw the digest, nanoseconds since the epoch, UTC."""
    digest: bytes
    """The digest that it saw."""
    response: TimeStampResponse
    """The answer of which it is part."""


def read_stamp(data: bytes) -> Stamp:
    """Read an authority's answer; nothing is believed yet.

    Raises:
        StampError: it is malformed, or the authority refused.
    """
    if len(data) > STAMP_BYTES_MAX:
        raise StampError(reason=f"{len(data)} bytes, at most {STAMP_BYTES_MAX}")
    try:
        response = decode_timestamp_response(data)
        if int(response.status) != _GRANTED:
            raise StampError(reason=f"the authority refused, status {response.status}")
        info = response.tst_info
        time_ns = int(info.gen_time.timestamp()) * NS_PER_SECOND
        digest = bytes(info.message_imprint.message)
    except ValueError as error:
        raise StampError(reason="it is malformed") from error
    return Stamp(time_ns=time_ns, digest=digest, response=response)


def verify_stamp(
    stamp: Stamp, digest: bytes, authorities: Sequence[Certificate]
) -> None:
    """Verify that a trusted authority signed the time-stamp of a digest.

    Args:
        stamp: read before.
        digest: SHA-256 of what it must be of, 32 bytes.
        authorities: root certificates that are trusted to tell the time.

    Raises:
        StampError: another digest, another authority, or a signature that does not fit.
    """
    builder = VerifierBuilder(roots=list(authorities))
    try:
        builder.build().verify(stamp.response, digest)
    except VerificationError as error:
        raise StampError(reason=str(error)) from error


def check_stamps(
    case: Case, signed_manifest: bytes, authorities: Sequence[Certificate]
) -> str:
    """Check every time-stamp of a bundle; return what was found.

    Raises:
        StampError: one is of something else, or not of a trusted authority although
            the verifier named some.
    """
    digest = sha256(signed_manifest)
    stamps = [read_stamp(addendum.stamp) for addendum in case.addenda if addendum.stamp]
    for stamp in stamps:
        if stamp.digest != digest:
            raise StampError(reason="it is of another bundle")
        if authorities:
            verify_stamp(stamp, digest, authorities)
    times = ", ".join(stamp.response.tst_info.gen_time.isoformat() for stamp in stamps)
    if authorities:
        return f"{len(stamps)} of trusted authorities: {times}"
    return f"{len(stamps)}, of authorities that nobody said to trust: {times}"


async def request_stamp(
    manifest: bytes, url: str, *, transport: httpx.AsyncBaseTransport | None = None
) -> bytes:
    """Ask an authority to time-stamp a signed manifest; return its answer.

    Args:
        manifest: the bundle's ``manifest.json``.
        url: of the authority.
        transport: how to reach it, if not directly.

    Raises:
        AuthorityDownError: it does not answer, or not with a time-stamp of this digest.
    """
    request = TimestampRequestBuilder(
        data=manifest, hash_algorithm=HashAlgorithm.SHA256
    ).build()
    try:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, transport=transport) as client,
            client.stream(
                "POST",
                url,
                content=request.as_bytes(),
                headers={"content-type": _QUERY},
            ) as answer,
        ):
            data = await _read(answer, url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AuthorityDownError(url=url, reason=type(error).__name__) from error
    try:
        stamp = read_stamp(data)
    except StampError as error:
        raise AuthorityDownError(url=url, reason=str(error)) from error
    is_answer = stamp.response.tst_info.nonce == request.nonce
    if stamp.digest != sha256(manifest) or not is_answer:
        raise AuthorityDownError(url=url, reason="it stamped something else")
    return data


def add_stamp(data: bytes, answer: bytes) -> bytes:
    """Return the bundle with a time-stamp added behind its signed part.

    Raises:
        RefreshError: it has as many addenda as a bundle may have.
        StampError: the answer is no time-stamp of this bundle.
    """
    entries = decode_container(data)
    manifest = entries[MANIFEST_ENTRY]
    if read_stamp(answer).digest != sha256(manifest):
        raise StampError(reason="it is of another bundle")
    number = len(decode_addenda(entries)) + 1
    if number > BUNDLE_ADDENDA_MAX:
        raise RefreshError(reason=f"it has {BUNDLE_ADDENDA_MAX} addenda already")
    addendum = Addendum(headers={}, histories={}, stamp=answer)
    return encode_container(entries | encode_addendum(addendum, number, manifest))


async def _read(answer: httpx.Response, url: str) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise AuthorityDownError(url=url, reason=f"HTTP {answer.status_code}")
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > STAMP_BYTES_MAX:
            raise AuthorityDownError(url=url, reason="its answer is too long")
    return bytes(data)
