"""What every document passes before it is stored: its media type, and the scanner."""

from __future__ import annotations

from types import TracebackType
from typing import Self, final

from huitong.gateway.vault.blocks import offload
from huitong.gateway.vault.scanner import Scan, begin_scan
from huitong.gateway.vault.settings import ScannerSettings
from huitong.payload.content import ContentCheck


@final
class Inspection:
    """One document as it passes; an asynchronous context, so that nothing is left over."""

    def __init__(self, declared: str, scanner: ScannerSettings | None) -> None:
        """Prepare.

        Raises:
            ContentTypeFormError: ``declared`` is no media type.
        """
        self._content = ContentCheck(declared)
        self._settings = scanner
        self._scan: Scan | None = None

    async def __aenter__(self) -> Self:
        if self._settings is not None:
            self._scan = await begin_scan(self._settings)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._scan is not None:
            await self._scan.close()

    async def update(self, block: bytes) -> None:
        """Take a block.

        Raises:
            ContentTypeError, ContentRefusedError, ScannerDownError: see there.
        """
        await offload(self._content.update, block)
        if self._scan is not None:
            await self._scan.write(block)

    async def finish(self) -> str:
        """Return the media type of the whole document.

        Raises:
            ContentTypeError, ContentRefusedError, ScannerDownError: see there.
        """
        content_type = self._content.finish()
        if self._scan is not None:
            await self._scan.finish()
        return content_type
