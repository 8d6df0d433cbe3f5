"""The page of the connectors' definitions, from their models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from gateway_pages import default_of, tables_of, value_of
from huitong.gateway.connectors.definition import SinkDefinition, SourceDefinition

_EXAMPLE = """```yaml
connector: invoices
interval_s: 60
source: {kind: sql, url: "env:ERP_URL", table: invoice, key: id, watermark: changed}
record: {type: tax.invoice, id: "INV-{number}", subject: buyer, title: electronic invoice}
fields:
  number: {}
  date: {from: day, type: date}
  total: {type: decimal}
```"""


def connectors_page(notice: str) -> str:
    """Return every key of a connector's definition as Markdown."""
    rows = [
        "# Connectors",
        "",
        notice,
        "A connector is a file `connectors/*.yaml` in the home of a gateway: a source, whose rows become records, or a sink, which takes what was received.",
        "A running gateway reads a file again when it changes. `huitong gateway connector check` tells what is wrong; [the tutorial](../tutorial/gateway.md) has both kinds at work.",
        "",
        "* Unknown keys are refused, nothing is converted, and names of tables and columns are looked up, never put into a statement as text.",
        "* Secrets are never in the file: `env:NAME` or `file:/path` say where they are.",
        "* Each state of a row is published once; a changed row is a new version. A row that cannot be a record waits: `connector errors`, `retry`, `skip`.",
        "* A data subject is named on chain by a pseudonym that only this gateway can make; `[connectors] subject_key` is its key.",
        "* Every document names its source in the field `source`; of files that are taken whole, the terms in the catalogue do. The grade of such a record is `signed` by its member, no more.",
        "* Every received document goes to every sink that takes its type, once; a sink that is new also gets what came before.",
        "",
        _EXAMPLE,
        *_table(SourceDefinition, "A source"),
        *_table(SinkDefinition, "A sink"),
    ]
    return "\n".join(rows) + "\n"


def _table(model: type[BaseModel], title: str) -> Iterator[str]:
    """Yield the keys of one part, then the parts inside it."""
    inner: list[tuple[str, type[BaseModel]]] = []
    about = (model.__doc__ or "").split("\n\n")[0]
    yield from ("", f"## {title}", "", " ".join(about.split()), "")
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        parts, form = tables_of(field.annotation)
        key = field.alias or name
        if not parts:
            meaning = " ".join((field.description or "").replace("|", r"\|").split())
            yield f"| `{key}` | {value_of(field)} | {default_of(field)} | {meaning} |"
        for part in parts:
            kind = _kind_of(part)
            shown = f"`{key}.NAME`" if "KEY" in form else f"`{key}`"
            inner.append((f"{shown}, kind `{kind}`" if kind else shown, part))
    for shown, part in inner:
        yield from _table(part, shown)


def _kind_of(part: type[BaseModel]) -> str:
    field = part.model_fields.get("kind")
    choices: Any = getattr(field.annotation, "__args__", ()) if field else ()
    return str(choices[0]) if choices else ""
