"""The form of an answer: which names it has and what kind of value stands under each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_KINDS: Final = (
    ("number in text", re.compile(r"-?\d{1,20}")),
    ("32 bytes in hex", re.compile(r"[0-9A-F]{64}")),
    ("20 bytes in hex", re.compile(r"[0-9A-F]{40}")),
    ("time", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")),
)
#: Texts that people read, or that are what the sender likes: any text is one.
_FREE: Final = ("log", "value", "key", "data", "query", "id")


def form_of(answer: Any) -> list[str]:
    """Return ``path: kind`` for everything in an answer, ascending."""
    return sorted({f"{path}: {kind}" for path, kind in _parts(answer, "")})


def _parts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield path, "object"
        for name, inner in value.items():
            yield from _parts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, "list"
        for inner in value:
            yield from _parts(inner, f"{path}[]")
    elif isinstance(value, str):
        yield path, _kind_of(value, path.rpartition(".")[2])
    else:
        yield path, "null" if value is None else type(value).__name__


def _kind_of(text: str, name: str) -> str:
    if name.removesuffix("[]") not in _FREE:
        for kind, pattern in _KINDS:
            if pattern.fullmatch(text):
                return kind
    return "text"


def differences(ours: list[str], theirs: list[str]) -> list[str]:
    """Return what only one of two forms has; an empty list says nothing of its entries."""
    filled = _filled_lists(ours) & _filled_lists(theirs)
    return sorted(
        part
        for part in {*ours} ^ {*theirs}
        if all(head in filled for head in _lists_above(part))
    )


def _filled_lists(form: list[str]) -> set[str]:
    return {head for part in form for head in _lists_above(part)}


def _lists_above(part: str) -> list[str]:
    path = part.partition(":")[0]
    return [path[: found.start()] for found in re.finditer(r"\[\]", path)]
