"""The SDK has every operation of the REST interface, with its names and kinds."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal

import pytest

from huitong.sdk import AsyncGateway, Gateway, models

_DOCUMENT = json.loads(
    (Path(__file__).parents[3] / "docs/reference/gateway-openapi.json").read_text()
)
_SCHEMAS = _DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: operation
    for operations in _DOCUMENT["paths"].values()
    for operation in operations.values()
}
_PLAIN = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": NoneType,
}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = _SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _kinds(schema: dict[str, Any]) -> set[Any]:
    """Return the types that a schema stands for, as an argument."""
    schema = _resolved(schema)
    if "anyOf" in schema:
        return set().union(*(_kinds(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return {Literal[tuple(schema["enum"])]}
    if schema.get("type") == "array":
        (inner,) = _kinds(schema["items"])
        return {Sequence[inner]}  # type: ignore[valid-type]
    if schema.get("type") == "object":
        return {Mapping[str, Any]}
    return {_PLAIN[schema["type"]]}


def _expected(operation: dict[str, Any]) -> dict[str, tuple[set[Any], bool]]:
    """Return what a method must take: types, and whether it is needed."""
    found: dict[str, tuple[set[Any], bool]] = {}
    for each in operation.get("parameters", []):
        if each["name"] == "Last-Event-ID":
            continue  # of browsers; here `since` says the same
        if each["in"] == "header":
            assert each["name"] == "Idempotency-Key"
            found["idempotency_key"] = ({str, NoneType}, False)
            continue
        is_needed = each["required"]
        found[each["name"]] = (_kinds(each["schema"]), is_needed)
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = _resolved(content["application/json"]["schema"])
        for name, schema in body["properties"].items():
            found[name] = (_kinds(schema), name in body.get("required", ()))
    elif content:
        found["content"] = ({bytes, Path}, True)
        found["content_type"] = ({str}, False)
    return found


def _method_name(operation_id: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", operation_id)


def _alternatives(annotation: Any) -> set[Any]:
    if typing.get_origin(annotation) in (typing.Union, type(int | str)):
        return set(typing.get_args(annotation))
    return {annotation}


@pytest.mark.parametrize("client", [Gateway, AsyncGateway])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_is_a_method_with_its_parameters(name: str, client: type) -> None:
    method = getattr(client, _method_name(name))
    hints = typing.get_type_hints(method)
    signature = inspect.signature(method)
    taken = {n: p for n, p in signature.parameters.items() if n != "self"}
    expected = _expected(OPERATIONS[name])
    assert taken.keys() == expected.keys()
    for each, (kinds, is_needed) in expected.items():
        is_optional = taken[each].default is not inspect.Parameter.empty
        assert is_optional is not is_needed, each
        assert _alternatives(hints[each]) - {NoneType} == kinds - {NoneType}, each


@pytest.mark.parametrize("client", [Gateway, AsyncGateway])
@pytest.mark.parametrize("name", OPERATIONS)
def test_method_gives_what_the_operation_answers(name: str, client: type) -> None:
    answers = OPERATIONS[name]["responses"]
    content = (answers.get("200") or answers["201"])["content"]
    (schema,) = (each["schema"] for each in content.values())
    hints = typing.get_type_hints(getattr(client, _method_name(name)))
    many = Iterator if client is Gateway else AsyncIterator
    if "text/event-stream" in content:
        assert hints["return"] == many[models.Event]
        return
    if "$ref" not in schema:
        assert hints["return"] == many[bytes]  # as it came
        return
    answered = schema["$ref"].rsplit("/", 1)[1]
    if answered.startswith("Page_"):
        inner = answered.removeprefix("Page_").rstrip("_").removesuffix("View")
        assert hints["return"] == many[getattr(models, inner)]
    else:
        model = getattr(models, answered.removesuffix("View"))
        assert hints["return"] is model
        schema = _resolved(schema)
        assert model.model_fields.keys() == schema["properties"].keys()


def test_clients_have_no_method_that_the_interface_lacks() -> None:
    known = {_method_name(name) for name in OPERATIONS} | {"close"}
    for client in (Gateway, AsyncGateway):
        public = {name for name in dir(client) if not name.startswith("_")}
        assert public == known
