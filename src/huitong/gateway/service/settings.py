"""What ``gateway.toml`` says of the service itself: zones, keys, addresses, logs."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from huitong.core.errors import HuitongError
from huitong.core.ids import check_chain_id
from huitong.node.rpc.server import split_address

LISTEN_DEFAULT: Final = "tcp://127.0.0.1:8480"
#: Web processes of one gateway; more of them than processors help nobody.
WORKERS_MAX: Final = 64
#: Characters of a path or URL in the file.
_PLACE_CHARACTERS_MAX: Final = 1_024
#: Hosts that only this machine reaches.
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_RPC_SCHEMES: Final = ("tcp", "http", "https")


def _check_chain_id(text: str) -> str:
    try:
        check_chain_id(text)
    except HuitongError as error:
        raise ValueError(str(error)) from None
    return text


def _check_rpc(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port  # read for its range
    except ValueError as error:
        raise ValueError(str(error)) from None
    if parts.scheme not in _RPC_SCHEMES or not parts.hostname:
        raise ValueError(
            "it is not a URL such as tcp://127.0.0.1:26657 or https://node.example"
        )
    return text


def _check_listen(text: str) -> str:
    try:
        split_address(text)
    except HuitongError as error:
        raise ValueError(str(error)) from None
    return text


ChainId = Annotated[str, AfterValidator(_check_chain_id)]
"""Chain id of a zone."""
RpcUrl = Annotated[str, AfterValidator(_check_rpc)]
"""URL of a node's RPC."""
ListenAddress = Annotated[str, AfterValidator(_check_listen)]
"""Where something listens, ``tcp://HOST:PORT``; port 0 takes a free one."""
Place = Annotated[
    str, StringConstraints(min_length=1, max_length=_PLACE_CHARACTERS_MAX)
]
"""A path below the home folder, or an absolute one."""
KeyName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
]
"""Name of a stored key."""


class Section(BaseModel):
    """A table of ``gateway.toml``: unknown entries are refused, nothing is changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ZoneSettings(Section):
    """The zone that the member belongs to; its node is trusted."""

    chain_id: ChainId = Field(description="Chain id of the member's zone.")
    node: RpcUrl = Field(
        description="RPC of a node of this zone, which the gateway believes; best of the "
        "member's own."
    )


class OtherZoneSettings(Section):
    """Another zone, by its chain id; its nodes show proofs and are not believed."""

    node: RpcUrl = Field(description="RPC of any node of that zone.")


class KeySettings(Section):
    """Which keys of the home folder the gateway uses."""

    account: KeyName = Field(
        default="gateway",
        description="Key in `keyring/` that signs transactions; no other program may use "
        "it.",
    )
    officer: KeyName | None = Field(
        default=None,
        description="Key in `keyring/` that signs decisions of officers; without it "
        "`account` does.",
    )
    requester: KeyName | None = Field(
        default=None,
        description="Key in `keyring/` that signs requests and receipts; without it "
        "`account` does.",
    )
    reader: KeyName = Field(
        default="reader",
        description="Key in `reader-keys/` that payloads for this member are sealed to.",
    )


class ServiceSettings(Section):
    """Where the REST interface answers, and with how many processes."""

    listen: ListenAddress = Field(
        default=LISTEN_DEFAULT,
        description="Where `/v1` answers, `tcp://HOST:PORT`; port 0 takes a free one, which "
        "`run/address` then holds.",
    )
    workers: int = Field(
        default=1, ge=1, le=WORKERS_MAX, description="Processes that answer requests."
    )
    tls_certificate: Place | None = Field(
        default=None,
        description="PEM file with the certificate chain of the address; without it plain "
        "HTTP is spoken.",
    )
    tls_key: Place | None = Field(
        default=None, description="PEM file with the private key of the certificate."
    )
    behind_proxy: bool = Field(
        default=False,
        description="Whether something in front of the gateway speaks TLS; needed to listen "
        "on an address that others reach without a certificate here.",
    )
    shutdown_grace_s: int = Field(
        default=10,
        ge=1,
        le=300,
        description="Seconds that open requests get to finish after SIGTERM.",
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        host, _ = split_address(self.listen)
        is_open = self.tls_certificate is None and not self.behind_proxy
        if is_open and host not in _LOOPBACK:
            raise ValueError(
                "an address that others reach needs tls_certificate and tls_key, or "
                "behind_proxy = true"
            )
        return self


class WatchSettings(Section):
    """Where metrics are served."""

    listen: ListenAddress | None = Field(
        default=None,
        description="Where `/metrics`, `/healthz` and `/readyz` are served, "
        "`tcp://HOST:PORT`; without it nowhere.",
    )


class LogSettings(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto`: console if a person looks on, else JSON."
    )
