"""Which events the modules tell, and with which attributes, read from their source.

Every module tells its events through the functions of its ``events.py``. An event is
either ``event("kind", name=…)``, or ``Event(kind, (("name", …), …))`` whose kind the
callers of the function give. Both are found without running anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """One kind of event."""

    module: str
    """Folder of the module below ``modules``."""
    kind: str
    """Type of the event."""
    attributes: tuple[str, ...]
    """Names of its attributes, in their order."""
    meaning: str
    """First sentence of the function that builds it."""


def read_events(modules: Path) -> list[ToldEvent]:
    """Return the events of all modules, by module and kind."""
    found = [
        told
        for path in sorted(modules.glob("*/events.py"))
        for told in _events_of_module(path)
    ]
    return sorted(found, key=lambda told: (told.module, told.kind))


def _events_of_module(path: Path) -> Iterator[ToldEvent]:
    functions = {
        node.name: node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for function in functions.values():
        if function.name.startswith("_"):
            continue
        kinds, attributes = _read_function(function, functions)
        if kinds is None:
            kinds = _kinds_of_callers(path.parent, function)
        for kind in sorted(kinds):
            yield ToldEvent(
                module=path.parent.name,
                kind=kind,
                attributes=attributes,
                meaning=_first_sentence(function),
            )


def _read_function(
    function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]
) -> tuple[set[str] | None, tuple[str, ...]]:
    """Return kinds and attributes; None for kinds that the callers give."""
    for call in _calls(function):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name == "Event":
            kind = call.args[0]
            names = tuple(_names_in_pairs(call.args[1], functions))
            known = isinstance(kind, ast.Constant)
            return ({str(kind.value)} if known else None), names  # type: ignore[attr-defined]
        if name == "event" or name in functions:
            kind = call.args[0]
            if not isinstance(kind, ast.Constant):
                continue
            names = tuple(word.arg for word in call.keywords if word.arg)
            if name != "event":
                names = _common_names(functions[name]) + names
            return {str(kind.value)}, names
    return set(), ()


def _common_names(helper: ast.FunctionDef) -> tuple[str, ...]:
    """Return the attributes that a helper adds to every event it builds."""
    for call in _calls(helper):
        if isinstance(call.func, ast.Name) and call.func.id == "event":
            return tuple(word.arg for word in call.keywords if word.arg)
    return ()


def _names_in_pairs(
    node: ast.expr, functions: dict[str, ast.FunctionDef]
) -> Iterator[str]:
    """Walk over ``(("name", value), *more(…))`` and yield the names."""
    if not isinstance(node, ast.Tuple):
        return
    for item in node.elts:
        if isinstance(item, ast.Starred) and isinstance(item.value, ast.Call):
            called = item.value.func
            if isinstance(called, ast.Name) and called.id in functions:
                for inner in ast.walk(functions[called.id]):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from _names_in_pairs(inner.value, functions)
        elif isinstance(item, ast.Tuple) and isinstance(item.elts[0], ast.Constant):
            yield str(item.elts[0].value)


def _kinds_of_callers(place: Path, function: ast.FunctionDef) -> set[str]:
    """Return the texts that reach the parameter ``kind``, also through other functions.

    Functions whose events have no kind of their own, because they repeat the events of
    others, give none.
    """
    names = [argument.arg for argument in function.args.args]
    if "kind" not in names:
        return set()
    position, kinds = names.index("kind"), set[str]()
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for caller in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(caller, ast.FunctionDef):
                continue
            for call in _calls(caller):
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                if name != function.name or len(call.args) <= position:
                    continue
                given = call.args[position]
                if isinstance(given, ast.Constant):
                    kinds.add(str(given.value))
                elif isinstance(given, ast.Name) and caller.name != function.name:
                    is_private = caller.name.startswith("_")
                    kinds |= _kinds_of_callers(path if is_private else place, caller)
    return kinds


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (child for child in ast.walk(node) if isinstance(child, ast.Call))


def _first_sentence(function: ast.FunctionDef) -> str:
    text = " ".join((ast.get_docstring(function) or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."
