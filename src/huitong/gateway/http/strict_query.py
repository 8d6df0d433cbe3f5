"""Queries read strictly: no unknown parameter, none twice, whole numbers in digits.

The framework ignores a parameter that an operation does not have, so that a misspelt
filter would give everything; it takes the last of one that is given twice, and reads
whole numbers as Python writes them (``1_0``, ``+1``, ``1.0``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, final

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from starlette.datastructures import QueryParams

from huitong.gateway.http.errors import FieldReason, InvalidFieldsError

#: A whole number as JSON has it, which is how the description calls it.
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")


@final
class DeclaredQuery:
    """The query parameters that an operation and its dependencies declare."""

    def __init__(self, operation: Dependant) -> None:
        """Read what an operation declares; costs some milliseconds.

        Args:
            operation: as the framework understood its signature.
        """
        self._kinds = {
            name: _kinds_of(info) for name, info in _parameters_of(operation)
        }

    def check(self, given: QueryParams) -> None:
        """Refuse a query that does not fit; ranges and forms are for the framework.

        Raises:
            InvalidFieldsError: a parameter is unknown, is given twice although it is no
                list, or is no whole number although it has to be.
        """
        reasons = [
            FieldReason(f"query.{name}", reason)
            for name in given
            if (reason := self._reason(name, given.getlist(name)))
        ]
        if reasons:
            raise InvalidFieldsError(*reasons)

    def _reason(self, name: str, values: list[str]) -> str | None:
        """Return what is wrong with one parameter, or None."""
        kinds = self._kinds.get(name)
        if kinds is None:
            known = ", ".join(sorted(self._kinds)) or "none"
            return f"no parameter of this operation, which has: {known}"
        if "array" in kinds:
            return None
        if len(values) > 1:
            return "given more than once"
        if "integer" in kinds and not _INTEGER.fullmatch(values[0]):
            return "not a whole number in decimal digits"
        return None


def _parameters_of(operation: Dependant) -> Iterator[tuple[str, FieldInfo]]:
    """Walk over names and kinds; a model of a query has one for each of its fields."""
    for parameter in operation.query_params:
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, info in model.model_fields.items():
                yield info.alias or name, info
        else:
            yield parameter.alias, parameter.field_info
    for dependency in operation.dependencies:
        yield from _parameters_of(dependency)


def _kinds_of(info: FieldInfo) -> frozenset[str]:
    """Return the JSON types that a parameter is described with."""
    # None means nothing here: Annotated needs one annotation at least
    declared: Any = Annotated[info.annotation, *info.metadata, None]
    schema = TypeAdapter(declared).json_schema()
    return frozenset(
        kind["type"] for kind in (schema, *schema.get("anyOf", ())) if "type" in kind
    )
