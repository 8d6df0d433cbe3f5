"""The pages of the gateway's reference: ``gateway.toml`` and REST, from their models."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.service.app import describe_app
from huitong.gateway.settings import GatewaySettings

#: How the key of a table of tables is shown.
_KEYS = {"zones": "CHAIN_ID", "peers": "MEMBER_ID"}


def gateway_toml_page(notice: str) -> str:
    """Return the entries of ``gateway.toml`` as Markdown."""
    rows = [
        "# gateway.toml",
        "",
        notice,
        "`huitong gateway init` writes the file into the gateway's home folder; the gateway reads it when it starts.",
        "Unknown entries are refused, and nothing is converted: a number is no text. Paths are below the home folder unless they are absolute.",
        "See [run a gateway](../how-to/run-a-gateway.md).",
        "A section that stands here more than once has one of these forms, by its `kind` or `source`.",
        *_table(GatewaySettings, ""),
    ]
    return "\n".join(rows) + "\n"


def _table(model: type[BaseModel], title: str) -> Iterator[str]:
    """Yield the rows of one table, then the tables inside it."""
    inner: list[tuple[str, type[BaseModel]]] = []
    yield ""
    yield f"## `{title}`" if title else "## At the top"
    yield ""
    if title:
        yield " ".join(
            (model.__doc__ or "").replace("``", "`").split("\n\n")[0].split()
        )
        yield ""
    yield "| entry | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        tables, form = tables_of(field.annotation)
        inside = form.format(f"{title.strip('[]')}.{name}".lstrip("."))
        if "KEY" in inside:
            inside = inside.replace("KEY", _KEYS.get(name, "NAME"))
        inner += [(inside, table) for table in tables]
        if not tables:
            meaning = " ".join((field.description or "").replace("|", r"\|").split())
            default = default_of(field)
            yield f"| `{name}` | {value_of(field)} | {default} | {meaning} |"
    for name, table in inner:
        yield from _table(table, name)


def tables_of(annotation: Any) -> tuple[list[type[BaseModel]], str]:
    """Return the models of a table (several: one or another), and how it is headed."""
    kinds = _kinds(annotation)
    for kind in kinds:
        if get_origin(kind) is dict:
            return tables_of(get_args(kind)[1])[0], "[{}.KEY]"
        if get_origin(kind) is tuple:
            return tables_of(get_args(kind)[0])[0], "[[{}]]"
    models = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
    return models, "[{}]"


def _kinds(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, with nothing around them."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]


def value_of(field: FieldInfo) -> str:
    (kind, *_) = [k for k in _kinds(field.annotation) if k is not type(None)]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(rule, name, None) is not None
    }
    names = {str: "text", int: "number", float: "number", bool: "true or false"}
    forms = {list: "list", tuple: "list", dict: "mapping"}
    text = names.get(kind, forms.get(get_origin(kind), "text"))
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if high is not None:
        return f"{text}, {'above ' if 'gt' in bounds else ''}{low} to {high}"
    if low is not None:
        return f"{text}, {'above' if 'gt' in bounds else 'at least'} {low}"
    return text


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "—"
    return f"`{orjson.dumps(value, default=str).decode()}`"


def gateway_api_page(notice: str) -> str:
    """Return the operations of the REST interface as Markdown."""
    document = describe_app().openapi()
    rows = [
        "# REST interface of a gateway",
        "",
        notice,
        "The whole description, OpenAPI 3.1 with every body and refusal, is [gateway-openapi.json](gateway-openapi.json); a running gateway serves it at `/openapi.json`.",
        "",
        "* `Authorization: Bearer` with an API key or a token; one of the roles is needed.",
        "* `Idempotency-Key` makes a request that is sent again be carried out once.",
        "* What needs a transaction answers 202 and says by `Location` where to look; `?wait=SECONDS` waits for the end and answers 200. `stuck` waits for a person and answers 202.",
        "* Lists: `limit` and `after`, the `next` of the page before.",
        "* A query parameter that the operation does not have is refused and named as `query.NAME`, as an unknown member of a body is; so is one given twice, unless it is a list (`?state=stuck&state=waiting`).",
        "* Every refusal is a problem (RFC 9457) whose `type` is the page of its [error code](errors.md); `errors` names the fields.",
        "* Every answer has `X-Request-Id`; the chain's memo and the peer's log have the same.",
        "",
        "| operation | method and path | roles | what it does |",
        "| --- | --- | --- | --- |",
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = operation["operationId"]
            permission = PERMISSIONS[name]
            roles = (
                "public"
                if permission.is_public
                else ", ".join(sorted(permission.roles))
            )
            rows.append(
                f"| `{name}` | `{method.upper()} {path}` | {roles} | {operation['summary']}. {operation['description']} |"
            )
    known = document["components"]["schemas"]
    for name, schema in sorted(known.items()):
        if "properties" not in schema or name.startswith("Page_"):
            continue
        about = schema.get("description", "").split("\n\n")[0]
        rows += ["", f"## {name}", "", " ".join(about.split()), ""]
        rows += ["| member | kind | meaning |", "| --- | --- | --- |"]
        needed = schema.get("required", ())
        for entry, value in schema["properties"].items():
            meaning = value.get("description", "").replace("|", r"\|")
            mark = "" if entry in needed else " (optional)"
            rows.append(f"| `{entry}`{mark} | {_kind_of(value, known)} | {meaning} |")
    return "\n".join(rows) + "\n"


def gateway_openapi(_: str) -> str:
    """Return the description of the REST interface, OpenAPI 3.1."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return orjson.dumps(describe_app().openapi(), option=options).decode() + "\n"


def _kind_of(schema: dict[str, Any], known: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if "enum" in known[name]:
            return _kind_of(known[name], known)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind_of(each, known) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind_of(schema['items'], known)}"
    return str(schema.get("format") or schema.get("type", "any"))
