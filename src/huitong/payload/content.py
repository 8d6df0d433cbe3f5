"""Whether a document is of the media type that its sender says.

Types with a magic number are told by ``filetype`` from the first bytes. JSON, XML and text
have none; they have rules of their own, and text is looked at to its last byte. A type
that nobody here can tell is believed unless the bytes are surely something else. What is
inside a container (a macro, an archive in an archive) is for a scanner to say.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, final

import filetype

from huitong.payload.errors import ContentTypeError, ContentTypeFormError

#: Bytes of a document's beginning that magic numbers need.
HEAD_SIZE_BYTES: Final = 8_192
#: Characters of a media type; the longest registered one has 84.
TYPE_CHARACTERS_MAX: Final = 127
ANYTHING: Final = "application/octet-stream"
_TEXT: Final = "text/plain"
_JSON: Final = "application/json"
_XML: Final = "application/xml"
_HTML: Final = "text/html"
_ZIP: Final = "application/zip"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_MARKUP: Final = re.compile(rb"<(?:\?xml\b|!doctype\b|!--|[a-z_])", re.IGNORECASE)
_HYPERTEXT: Final = re.compile(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: Encodings of text that may be declared; the national standard's and its ancestors.
_CHARSETS: Final = frozenset({"utf-8", "gb18030", "gbk", "gb2312", "utf-16"})
#: Office documents are ZIP archives, and not all writers make them recognisable.
_ZIP_LIKE: Final = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/epub+zip",
    "application/java-archive",
    "application/ofd",
)
_SAME: Final = {
    "text/xml": _XML,
    "text/json": _JSON,
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": _ZIP,
    "application/x-gzip": "application/gzip",
    "image/jpg": "image/jpeg",
    "audio/wav": "audio/x-wav",
}
_KNOWN_MIMES: Final = frozenset(kind.mime for kind in filetype.types)


@final
class ContentCheck:
    """Looks at one document as it passes; ``update`` with its pieces, then ``finish``."""

    def __init__(self, declared: str) -> None:
        """Begin.

        Args:
            declared: a media type, perhaps with a charset; empty or
                ``application/octet-stream`` to find it out.

        Raises:
            ContentTypeFormError: it is no media type, or of an encoding not known here.
        """
        self._declared, charset = _parse(declared)
        self._charset = charset or "utf-8"
        self._head = bytearray()
        self._decoder: codecs.IncrementalDecoder | None
        self._decoder = codecs.getincrementaldecoder(self._charset)("strict")

    def update(self, piece: bytes) -> None:
        """Take a piece.

        Raises:
            ContentTypeError: the content is something else than declared.
        """
        if len(self._head) < HEAD_SIZE_BYTES:
            self._head += piece[: HEAD_SIZE_BYTES - len(self._head)]
            if len(self._head) == HEAD_SIZE_BYTES:
                self._check_magic()
        self._decode(piece, is_last=False)

    def finish(self) -> str:
        """Return the media type of the whole document, without a charset.

        Raises:
            ContentTypeError: the content is something else than declared.
        """
        self._check_magic()
        self._decode(b"", is_last=True)
        found = self._found()
        if self._declared in ("", ANYTHING):
            return found
        if not _agrees(self._declared, found, bytes(self._head)):
            raise ContentTypeError(declared=self._declared, actual=found)
        return self._declared

    def _check_magic(self) -> None:
        """Refuse early what a magic number tells, before all of it has passed."""
        magic = _magic(bytes(self._head))
        if self._declared in ("", ANYTHING) or magic is None:
            return
        if not _agrees(self._declared, magic, bytes(self._head)):
            raise ContentTypeError(declared=self._declared, actual=magic)

    def _decode(self, piece: bytes, *, is_last: bool) -> None:
        """Look whether it is still text; a zero byte or a wrong sequence ends that."""
        if self._decoder is None:
            return
        try:
            is_text = "\0" not in self._decoder.decode(piece, is_last)
        except UnicodeDecodeError:
            is_text = False
        if is_text:
            return
        self._decoder = None
        if _is_text_type(self._declared):
            raise ContentTypeError(
                declared=self._declared, actual=f"not text in {self._charset}"
            )

    def _found(self) -> str:
        head = bytes(self._head)
        magic = _magic(head)
        if magic is not None:
            return magic
        start = _start(head)
        if _MARKUP.match(start):
            return _HTML if _HYPERTEXT.match(start) else _XML
        if self._decoder is None:
            return ANYTHING
        return _JSON if start[:1] in (b"{", b"[") else _TEXT


def _parse(declared: str) -> tuple[str, str]:
    """Return type and charset of a media type, both perhaps empty."""
    name, *parameters = (part.strip() for part in declared.lower().split(";"))
    parts = name.split("/")
    if len(name) > TYPE_CHARACTERS_MAX:
        raise ContentTypeFormError(
            declared=declared, reason=f"more than {TYPE_CHARACTERS_MAX} characters"
        )
    if name and (len(parts) != 2 or not all(map(_NAME.fullmatch, parts))):
        raise ContentTypeFormError(declared=declared, reason="expected type/subtype")
    charset = ""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "charset":
            charset = value.strip('"')
    if charset in ("us-ascii", "utf8"):
        charset = "utf-8"
    if charset and charset not in _CHARSETS:
        raise ContentTypeFormError(
            declared=declared, reason=f"the charset is none of {sorted(_CHARSETS)}"
        )
    return _SAME.get(name, name), charset


def _magic(head: bytes) -> str | None:
    kind = filetype.guess(head)
    return None if kind is None else _SAME.get(kind.mime, kind.mime)


def _start(head: bytes) -> bytes:
    return head.removeprefix(_BYTE_ORDER_MARK).lstrip()


def _is_text_type(declared: str) -> bool:
    return declared.startswith("text/") or _is_json(declared)


def _is_json(name: str) -> bool:
    return name == _JSON or name.endswith("+json")


def _is_xml(name: str) -> bool:
    return name == _XML or name.endswith("+xml")


def _agrees(declared: str, found: str, head: bytes) -> bool:
    """Tell whether what was found may be called what was declared."""
    if declared == found:
        return True
    if declared.startswith(_ZIP_LIKE) or declared.endswith("+zip"):
        return found == _ZIP
    if declared == _ZIP:
        return found.startswith(_ZIP_LIKE)
    if _is_xml(declared):
        return found in (_HTML, _XML)
    if declared == _HTML:
        return found == _XML
    if _is_json(declared):
        return found == _JSON or _is_scalar(head, found)
    if declared.startswith("text/"):
        return found in (_TEXT, _JSON, _XML, _HTML)
    return found in (ANYTHING, _TEXT, _JSON, _XML) and declared not in _KNOWN_MIMES


def _is_scalar(head: bytes, found: str) -> bool:
    """Tell whether text begins like a JSON text, number or literal."""
    return found == _TEXT and _start(head)[:1] in tuple(
        bytes((byte,)) for byte in b'"-0123456789tfn'
    )
