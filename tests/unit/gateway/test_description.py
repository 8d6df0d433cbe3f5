"""The description of the REST interface, as it is committed and as roles see it."""

from __future__ import annotations

from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.access.routes import check_table
from huitong.gateway.service.app import describe_app


def test_every_operation_has_a_line_of_the_permission_table() -> None:
    check_table(describe_app(), PERMISSIONS)


def test_every_body_is_closed_and_every_list_and_text_in_it_is_bounded() -> None:
    document = describe_app().openapi()
    bodies = {
        operation["requestBody"]["content"]["application/json"]["schema"].get("$ref")
        for path in document["paths"].values()
        for operation in path.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    names = {str(reference).rsplit("/", 1)[1] for reference in bodies}
    assert len(names) > 5
    for name in names:
        schema = document["components"]["schemas"][name]
        assert schema["additionalProperties"] is False, name
        for entry, value in schema["properties"].items():
            for kind in value.get("anyOf", [value]):
                where = f"{name}.{entry}"
                if kind.get("type") == "array":
                    assert "maxItems" in kind, where
                if kind.get("type") == "string":
                    is_bounded = {"maxLength", "pattern", "enum", "const", "format"}
                    assert is_bounded & set(kind), where


def test_no_parameter_is_described_as_null() -> None:
    document = describe_app().openapi()
    schemas = [
        parameter["schema"]
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
    ]
    assert len(schemas) > 100
    for schema in schemas:
        assert {"type": "null"} not in schema.get("anyOf", []), schema
