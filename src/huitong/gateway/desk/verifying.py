"""Verifying bundles of anybody, for anybody: in a thread, a few at a time."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, final

import orjson
from cryptography.x509 import Certificate

from huitong.core.errors import HuitongError
from huitong.evidence.container import decode_container
from huitong.evidence.errors import TrustFileError
from huitong.evidence.trust import TrustAnchor, load_authorities, load_trust
from huitong.evidence.verify import Verdict, verify_bundle
from huitong.gateway.desk.errors import UploadError
from huitong.gateway.desk.places import Places
from huitong.gateway.desk.settings import EvidenceSettings

#: Bytes of a bundle that is verified for anybody; larger ones by `huitong verify`.
VERIFIED_SIZE_BYTES_MAX: Final = 8_388_608
_TRUST_FILE: Final = "trust.json"
_REPORT: Final = "report.md"


@final
class Verifier:
    """Verifies what is uploaded."""

    def __init__(self, settings: EvidenceSettings) -> None:
        self._places = Places(settings.at_once)

    async def verify(
        self, given: str, trust: dict[str, Any] | None
    ) -> tuple[Verdict, str]:
        """Return the verdict on a bundle, and its report if no check failed.

        Args:
            given: the bundle in base64.
            trust: the content of a trust file, which names no other file; None if nobody
                said what is trusted.

        Raises:
            UploadError: the bundle or the trust file cannot be read.
            DeskBusyError: not now.
        """
        return await self._places.run(lambda: _verify(given, trust))


def _verify(given: str, trust: dict[str, Any] | None) -> tuple[Verdict, str]:
    try:
        data = base64.b64decode(given, validate=True)
    except ValueError as error:
        raise UploadError(what="bundle", reason="it is no base64") from error
    anchors: dict[str, TrustAnchor] | None = None
    authorities: tuple[Certificate, ...] = ()
    if trust is not None:
        anchors, authorities = _read_trust(trust)
    verdict = verify_bundle(
        data, anchors, now_ns=time.time_ns(), authorities=authorities
    )
    if verdict.failed is not None:
        return verdict, ""
    return verdict, decode_container(data)[_REPORT].decode()


def _read_trust(
    trust: dict[str, Any],
) -> tuple[dict[str, TrustAnchor], tuple[Certificate, ...]]:
    _check_no_files(trust)
    with TemporaryDirectory() as folder:
        path = Path(folder) / _TRUST_FILE
        try:
            path.write_bytes(orjson.dumps(trust))
            return load_trust(path), load_authorities(path)
        except TrustFileError as error:
            reason = str(error.fields.get("reason", "it is malformed"))
            raise UploadError(
                what="trust", reason=reason.replace(str(path), "it")
            ) from error
        except (HuitongError, TypeError) as error:
            raise UploadError(what="trust", reason="it is malformed") from error


def _check_no_files(trust: dict[str, Any]) -> None:
    """Refuse a trust file that names other files: those here are nobody's business.

    Raises:
        UploadError: it does.
    """
    zones, roots = trust.get("zones"), trust.get("timestamp_authorities", [])
    for zone in zones if isinstance(zones, list) else []:
        if isinstance(zone, dict) and isinstance(zone.get("genesis"), str):
            raise UploadError(what="trust", reason="a genesis stands in it, or nowhere")
    for root in roots if isinstance(roots, list) else []:
        if isinstance(root, str) and not root.lstrip().startswith("-----BEGIN"):
            raise UploadError(what="trust", reason="a certificate stands in it as PEM")
