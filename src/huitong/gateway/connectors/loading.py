"""Reading definitions: strict YAML, and every fault with the key that it is about.

YAML is read by the safe loader, without aliases: a small file could otherwise stand for
gigabytes. A key given twice is refused, because one of the two would be silently lost.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema_rs import ValidationError as SchemaFault
from jsonschema_rs import validator_for
from pydantic import ValidationError

from huitong.gateway.connectors.definition import SinkDefinition, SourceDefinition
from huitong.gateway.connectors.errors import DefinitionError, SecretMissingError

#: Bytes of one definition.
DEFINITION_BYTES_MAX: Final = 256 * 1024
#: Bytes of a secret in a file.
SECRET_BYTES_MAX: Final = 8 * 1024
_ENVIRONMENT: Final = "env:"
_FILE: Final = "file:"


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, without aliases and without keys given twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not taken", problem_mark=self.get_mark()
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{str(key_node.value)[:80]!r} is given twice",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_definition(path: Path) -> SourceDefinition | SinkDefinition:
    """Read one definition; one with the key ``sink`` is a sink's.

    Raises:
        DefinitionError: it cannot be read, or is no definition.
    """
    value = _read_yaml(path)
    model = SinkDefinition if "sink" in value else SourceDefinition
    try:
        definition = model.model_validate(value)
    except ValidationError as error:
        raise DefinitionError(path=path, reason=_first_fault(error)) from error
    if isinstance(definition, SourceDefinition) and definition.json_schema is not None:
        _check_schema(path, definition.json_schema)
    return definition


def read_secret(
    connector: str, reference: str, environment: Mapping[str, str] = os.environ
) -> str:
    """Return what a reference stands for; anything else stands for itself.

    Args:
        connector: whose definition holds it, for the error.
        reference: ``env:NAME``, ``file:/path``, or a plain address.
        environment: variables.

    Raises:
        SecretMissingError: no such variable or file, or it is empty or too long.
    """
    if reference.startswith(_ENVIRONMENT):
        value = environment.get(reference.removeprefix(_ENVIRONMENT), "")
    elif reference.startswith(_FILE):
        value = _read_secret_file(connector, reference)
    else:
        return reference
    if not value:
        raise SecretMissingError(
            connector=connector, reference=reference, reason="it is empty"
        )
    return value


def _read_secret_file(connector: str, reference: str) -> str:
    try:
        with Path(reference.removeprefix(_FILE)).open("rb") as file:
            data = file.read(SECRET_BYTES_MAX + 1)
        if len(data) > SECRET_BYTES_MAX:
            raise SecretMissingError(
                connector=connector, reference=reference, reason="it is too long"
            )
        return data.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise SecretMissingError(
            connector=connector, reference=reference, reason=error.strerror
        ) from error
    except UnicodeDecodeError as error:
        raise SecretMissingError(
            connector=connector, reference=reference, reason="it is not UTF-8"
        ) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(DEFINITION_BYTES_MAX + 1)
    except OSError as error:
        raise DefinitionError(path=path, reason=error.strerror) from error
    if len(data) > DEFINITION_BYTES_MAX:
        raise DefinitionError(
            path=path, reason=f"more than {DEFINITION_BYTES_MAX} bytes"
        )
    try:
        value = yaml.load(data, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DefinitionError(path=path, reason=_yaml_fault(error)) from error
    if not isinstance(value, dict):
        raise DefinitionError(path=path, reason="it is not a list of keys")
    return value


def _yaml_fault(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error)[:200] or type(error).__name__


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "definition"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _check_schema(path: Path, schema: dict[str, Any]) -> None:
    try:
        validator_for(schema)
    except (SchemaFault, ValueError) as error:
        raise DefinitionError(
            path=path, reason=f"schema: {str(error).splitlines()[0][:200]}"
        ) from error
