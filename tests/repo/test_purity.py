"""The state machine is pure: a lint over its source says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "huitong"
PURE = ("core", "light", "modules")

#: Modules that would let the outside in, with what to use instead.
FORBIDDEN_IMPORTS = {
    "asyncio": "the engine calls",
    "datetime": "core.time",
    "io": "bytes",
    "logging": "events",
    "multiprocessing": "one thread",
    "os": "arguments",
    "pathlib": "bytes as arguments",
    "random": "nothing: results must repeat",
    "secrets": "nothing: results must repeat",
    "socket": "the engine",
    "structlog": "events",
    "subprocess": "nothing",
    "tempfile": "nothing",
    "threading": "one thread",
    "time": "the block's time",
    "uuid": "sequences",
}
FORBIDDEN_CALLS = {"open", "hash", "id", "float", "input", "print", "eval", "exec"}


def _pure_files() -> list[Path]:
    return sorted(path for part in PURE for path in (SOURCE / part).rglob("*.py"))


def _offences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                if root in FORBIDDEN_IMPORTS:
                    yield node.lineno, f"import {root}; use {FORBIDDEN_IMPORTS[root]}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            root = node.module.split(".")[0]
            if root in FORBIDDEN_IMPORTS:
                yield node.lineno, f"from {root}; use {FORBIDDEN_IMPORTS[root]}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in FORBIDDEN_CALLS:
                yield node.lineno, f"call of {node.func.id}()"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"the float {node.value}"
        elif isinstance(node, ast.For | ast.comprehension):
            if _is_set(node.iter):
                line = getattr(node, "lineno", getattr(node.iter, "lineno", 0))
                yield line, "iteration over a set; sort it first"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield node.lineno, "true division makes a float; use //"


def _is_set(node: ast.AST) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"set", "frozenset"}
    )


@pytest.mark.parametrize(
    "path", _pure_files(), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_pure_code_has_no_way_to_the_outside(path: Path) -> None:
    found = [
        f"{path}:{line}: {what}"
        for line, what in _offences(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import environ",
        "x = open('f')",
        "y = 0.5",
        "y = a / b",
        "for x in {1, 2}: pass",
        "z = [x for x in set(a)]",
    ],
)
def test_the_lint_sees_impurity(source: str) -> None:
    assert list(_offences(ast.parse(source)))
