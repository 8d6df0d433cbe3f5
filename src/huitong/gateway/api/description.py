"""The description of the REST interface, where the framework's own says too much."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


def describe_parameters(app: FastAPI) -> None:
    """Let the description say of optional parameters what they are where they are given.

    The framework describes one that may be absent as one that may be null, which nothing
    in a URL or a header can be.
    """
    describe = app.openapi

    def describe_given() -> dict[str, Any]:
        described = describe()
        for operations in described["paths"].values():
            for operation in operations.values():
                for parameter in operation.get("parameters", ()):
                    _drop_null(parameter["schema"])
        return described

    app.openapi = describe_given  # type: ignore[method-assign]


def _drop_null(schema: dict[str, Any]) -> None:
    kinds = schema.get("anyOf", [])
    given = [kind for kind in kinds if kind.get("type") != "null"]
    if len(kinds) == 2 and len(given) == 1:
        del schema["anyOf"]
        schema.update(given[0])
