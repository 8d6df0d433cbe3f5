"""The reference page of gRPC: every method that a node answers, from its own tables."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from huitong.core.querying import SIMULATE_PATH
from huitong.modules.zone import MODULES
from huitong.node.grpc import reflection
from huitong.node.proofs import PROOFS_PATH, call_proofs
from huitong.node.queries import ROUTES
from huitong.proto import pool

#: Meanings of methods whose answers have no function of their own in a table.
_OTHERS = {
    SIMULATE_PATH: "Return what a transaction would do, and the gas that it takes.",
    PROOFS_PATH: inspect.getdoc(call_proofs) or "",
    **dict.fromkeys(
        sorted(reflection.PATHS), "Tell which services exist, and of what messages."
    ),
}
_HEAD = """\
# gRPC: what a node answers

{notice}

A node serves these methods at `grpc.listen`, without TLS; [run a node](../how-to/run-a-node.md#ask-over-grpc) says how to ask.
All but reflection also go through `abci_query`, with the path `/SERVICE/METHOD` and an encoded request.
Answers come from the state of the height in the request header `x-cosmos-block-height`, the newest if there is none; the response header of the same name says which it was.
Methods marked * ask the node itself, for example its blocks and transactions, which have no such height: it only needs to be one that is kept.

| status | when |
| --- | --- |
| `INVALID_ARGUMENT` | The request asks for what cannot be. |
| `NOT_FOUND` | There is no such thing in the state. |
| `UNIMPLEMENTED` | `unknown method M for service S`, or `unknown service S`. |
| `RESOURCE_EXHAUSTED` | Too much: bytes of the request or the response, gas, or calls at one time. |
| `DEADLINE_EXCEEDED` | The client did not send or take in time, or the node is too busy. |
| `UNAVAILABLE` | The node has no block yet, or its RPC is silent. |
| `UNKNOWN` | The height header is malformed, the height is in the future, or its state is no longer kept; or a module refuses, as in a simulation. The text tells which. |
| `INTERNAL` | The request cannot be decoded (`grpc: error unmarshalling request: …`); or a fault of the node, whose log has the details under the request's name. |
"""


def grpc_page(notice: str, limits: Iterator[tuple[str, str, str]]) -> str:
    """Return the methods and limits of gRPC as Markdown.

    Args:
        notice: the line that says whence the page comes.
        limits: name, value and reason of each limit.
    """
    rows = _HEAD.format(notice=notice).splitlines()
    methods = defaultdict(list)
    for path, meaning in sorted(_meanings().items()):
        service, _, method = path[1:].rpartition("/")
        methods[service].append((path, method, meaning))
    for service, found in methods.items():
        rows += ["", f"## {service}", ""]
        rows += ["| method | fields of the request | of the response | |"]
        rows += ["| --- | --- | --- | --- |"]
        declared = pool.Default().FindServiceByName(service).methods_by_name
        for path, method, meaning in found:
            kind = declared[method]
            asked, told = _fields(kind.input_type), _fields(kind.output_type)
            mark = " *" if path in ROUTES else ""
            rows.append(f"| `{method}`{mark} | {asked} | {told} | {meaning} |")
    rows += ["", "## Limits", "", "| limit | value | why |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {value} | {why} |" for name, value, why in limits]
    return "\n".join(rows) + "\n"


def _meanings() -> dict[str, str]:
    """Return every method by path, with what its answer's documentation says first."""
    told = {
        route.path: _first_line(route.answer)
        for module in MODULES
        for route in module.queries
    }
    told |= {path: _first_line(route.answer) for path, route in ROUTES.items()}
    return told | {path: text.partition("\n")[0] for path, text in _OTHERS.items()}


def _first_line(answer: Callable[..., Any]) -> str:
    text = (inspect.getdoc(answer) or "").partition("\n")[0]
    return text.replace("``", "`").replace("|", "\\|")


def _fields(kind: Any) -> str:
    return ", ".join(f"`{field.name}`" for field in kind.fields) or "—"
