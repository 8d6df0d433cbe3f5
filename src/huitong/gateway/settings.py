"""``gateway.toml``: the settings of all rooms of the gateway, each under its name.

Every room describes its own section in its ``settings.py``; here they are put together,
read strictly, and written. A refusal names the file, the entry and the reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from huitong.core.errors import HuitongError
from huitong.core.fields import check_name
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.connectors.settings import ConnectorSettings
from huitong.gateway.database.settings import DatabaseSettings
from huitong.gateway.desk.settings import EvidenceSettings
from huitong.gateway.events.settings import EventSettings
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.facts.settings import FactsSettings
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.peers.settings import OwnPeerSettings, PeerSettings
from huitong.gateway.reads.settings import ReadsSettings
from huitong.gateway.service.errors import GatewayHomeMissingError, SettingsError
from huitong.gateway.service.settings import (
    ChainId,
    KeySettings,
    LogSettings,
    OtherZoneSettings,
    Section,
    ServiceSettings,
    WatchSettings,
    ZoneSettings,
)
from huitong.gateway.tracing.settings import TracingSettings
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.webhooks.settings import WebhookSettings
from huitong.keys.new_file import replace_file

FILE_NAME: Final = "gateway.toml"
#: Bytes of the file; a larger one is a wrong file.
_FILE_SIZE_BYTES_MAX: Final = 1 << 20
#: Other zones that one gateway reads from.
OTHER_ZONES_MAX: Final = 1_000
#: Other members whose gateways one gateway knows.
PEERS_MAX: Final = 10_000
#: Reasons in our words where the library's would puzzle.
_REASONS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "string_type": "needs to be a text",
    "int_type": "needs to be a whole number",
    "bool_type": "needs to be true or false",
    "model_type": "needs to be a table",
    "model_attributes_type": "needs to be a table",
    "dict_type": "needs to be a table",
}


def _check_member_id(text: str) -> str:
    try:
        check_name(text, "member")
    except HuitongError as error:
        raise ValueError(str(error)) from None
    return text


MemberId = Annotated[str, AfterValidator(_check_member_id)]
"""Id of a member in its zone."""


def _section(model: type[BaseModel], description: str) -> Any:
    """Return a field for a table that may be left out, because all of it has defaults."""
    return Field(default=model.model_validate({}), description=description)


class GatewaySettings(Section):
    """Everything in ``gateway.toml``."""

    member: MemberId = Field(
        description="Id of the member, in its zone, that runs this gateway."
    )
    zone: ZoneSettings = Field(description="The member's zone.")
    zones: dict[ChainId, OtherZoneSettings] = Field(
        default={},
        max_length=OTHER_ZONES_MAX,
        description="Other zones, by chain id.",
    )
    keys: KeySettings = _section(KeySettings, "Keys.")
    service: ServiceSettings = _section(ServiceSettings, "The REST interface.")
    database: DatabaseSettings = _section(DatabaseSettings, "The database.")
    access: AccessSettings = _section(AccessSettings, "Who may call.")
    http: HttpSettings = _section(HttpSettings, "Limits of requests.")
    vault: VaultSettings = _section(VaultSettings, "Payloads at rest.")
    peer: OwnPeerSettings = _section(
        OwnPeerSettings, "How the gateways of others reach this one."
    )
    peers: dict[MemberId, PeerSettings] = Field(
        default={},
        max_length=PEERS_MAX,
        description="The gateways of other members, by member id.",
    )
    exchange: ExchangeSettings = _section(ExchangeSettings, "Exchanges.")
    reads: ReadsSettings = _section(ReadsSettings, "Proven reads.")
    facts: FactsSettings = _section(FactsSettings, "Facts of other zones.")
    evidence: EvidenceSettings = _section(EvidenceSettings, "Evidence.")
    connectors: ConnectorSettings = _section(
        ConnectorSettings, "Old systems as sources and sinks."
    )
    events: EventSettings = _section(EventSettings, "What callers are told.")
    webhooks: WebhookSettings = _section(WebhookSettings, "Who is sent events.")
    outbox: OutboxSettings = _section(OutboxSettings, "Durable steps.")
    tracing: TracingSettings = _section(TracingSettings, "Traces.")
    watch: WatchSettings = _section(WatchSettings, "Metrics.")
    log: LogSettings = _section(LogSettings, "Logs.")


def load_settings(home: Path) -> GatewaySettings:
    """Read ``gateway.toml`` of a home folder.

    Raises:
        GatewayHomeMissingError: there is none.
        SettingsError: it is no TOML, or an entry is wrong, unknown or missing.
    """
    path = home / FILE_NAME
    try:
        if path.stat().st_size > _FILE_SIZE_BYTES_MAX:
            raise SettingsError(path=path, entry="the file", reason="is too large")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GatewayHomeMissingError(path=home) from None
    except OSError as error:
        raise SettingsError(
            path=path, entry="the file", reason=error.strerror or "is unreadable"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(path=path, entry="the file", reason=str(error)) from None
    return read_settings(document, path)


def read_settings(document: dict[str, Any], path: Path) -> GatewaySettings:
    """Return the settings that a document of TOML holds.

    Raises:
        SettingsError: the first entry that is wrong.
    """
    try:
        # As JSON, because only there a list may stand for a tuple while nothing else is
        # converted: no text for a number, no 1 for true.
        return GatewaySettings.model_validate_json(orjson.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(
            path=path, entry=_entry_of(first), reason=_reason_of(first)
        ) from None


def save_settings(home: Path, settings: GatewaySettings) -> None:
    """Write ``gateway.toml`` in one step, readable by its owner only."""
    replace_file(home / FILE_NAME, encode_settings(settings).encode())


def encode_settings(settings: GatewaySettings) -> str:
    """Return the file: what was said, and what else could be, each with its meaning."""
    lines = [
        "# How this gateway runs. Lines that begin with # tell what can be said;",
        "# the reference page gateway-toml.md has the same.",
        "",
    ]
    return "\n".join([*lines, *_table_lines(settings, "")]) + "\n"


def _entry_of(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    return ".".join(place) or "the file"


def _reason_of(error: ErrorDetails) -> str:
    known = _REASONS.get(error["type"])
    if known is not None:
        return known
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _table_lines(table: BaseModel, where: str) -> Iterator[str]:
    """Yield the lines of one table: its entries first, then the tables inside."""
    plain = table.model_dump(mode="json")
    inner: list[tuple[str, BaseModel]] = []
    for name, field in type(table).model_fields.items():
        value, title = getattr(table, name), f"{where}.{name}".lstrip(".")
        if isinstance(value, BaseModel):
            inner.append((f"[{title}]", value))
        elif isinstance(value, dict):
            keys = sorted(value)
            inner += [(f"[{title}.{_toml_key(key)}]", value[key]) for key in keys]
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            inner += [(f"[[{title}]]", item) for item in value]
        else:
            yield f"# {' '.join((field.description or '').split())}"
            is_said = name in table.model_fields_set or field.is_required()
            shown = "" if value is None else f" {_toml_value(plain[name])}"
            yield f"{'' if is_said else '# '}{name} ={shown}"
    for title, section in inner:
        yield ""
        yield title if _is_said(section) else f"# {title}"
        yield from _table_lines(section, title.strip("[]"))


def _is_said(table: BaseModel) -> bool:
    """Whether anything in a table, or in one inside it, stands in the file."""
    return any(
        not isinstance(value, BaseModel) or _is_said(value)
        for value in (getattr(table, name) for name in table.model_fields_set)
    )


def _toml_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare or not key else _toml_value(key)


def _toml_value(value: Any) -> str:
    # Texts, numbers, true, false and lists of them are written alike in JSON and TOML.
    return orjson.dumps(value).decode()
