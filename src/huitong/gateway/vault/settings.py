"""Settings of the vault, section ``[vault]`` of ``gateway.toml``.

Relative paths begin at the gateway's home.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from huitong.core.limits import PAYLOAD_SIZE_BYTES_MAX
from huitong.core.time import SECONDS_PER_DAY

#: Environment variable that may hold the key-encryption key as hexadecimal digits.
KEY_VARIABLE: Final = "HUITONG_VAULT_KEY"
#: Former key-encryption keys that a vault may still know; one a year is much.
PREVIOUS_KEYS_MAX: Final = 16


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileKeySettings(_Settings):
    """A key-encryption key in a file."""

    source: Literal["file"] = "file"
    path: Path = Field(
        default=Path("keys/vault.key"),
        description="File of mode 0600 with 64 hexadecimal digits.",
    )


class EnvironmentKeySettings(_Settings):
    """A key-encryption key in the environment."""

    source: Literal["environment"]
    variable: str = Field(
        default=KEY_VARIABLE,
        min_length=1,
        description="Variable with 64 hexadecimal digits.",
    )


class TokenKeySettings(_Settings):
    """A key-encryption key in a PKCS#11 token, which never leaves it."""

    source: Literal["pkcs11"]
    module: Path = Field(description="Shared library of the token's maker.")
    token: str = Field(min_length=1, max_length=32, description="Label of the token.")
    label: str = Field(min_length=1, max_length=64, description="Label of the AES key.")
    pin_file: Path | None = Field(
        None, description="File of mode 0600 with the user's PIN."
    )
    pin_variable: str = Field(
        "HUITONG_VAULT_PIN", description="Variable with the PIN, if there is no file."
    )


KeySettings = Annotated[
    FileKeySettings | EnvironmentKeySettings | TokenKeySettings,
    Field(discriminator="source"),
]


class FolderSettings(_Settings):
    """Ciphertext in a folder."""

    kind: Literal["folder"] = "folder"
    path: Path = Field(
        default=Path("vault"),
        description="Folder of the ciphertext; made if it is not there.",
    )


class S3Settings(_Settings):
    """Ciphertext in a bucket of a server that speaks S3."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=3, max_length=63, description="Name of the bucket.")
    prefix: str = Field("", max_length=256, description="What all names begin with.")
    endpoint: str = Field("", description="URL of the server; empty for the region's.")
    region: str = Field("us-east-1", description="Region that requests are signed for.")
    allow_http: bool = Field(
        False, description="Whether the server may be without TLS."
    )
    path_style: bool = Field(
        True, description="Whether the bucket stands in the path, not in the host name."
    )
    access_key_variable: str = Field(
        "AWS_ACCESS_KEY_ID", description="Variable with the id of the access key."
    )
    secret_key_variable: str = Field(
        "AWS_SECRET_ACCESS_KEY", description="Variable with the access key."
    )
    timeout_s: float = Field(
        default=600,
        gt=0,
        le=3600,
        description="Seconds for one request; a whole document may be on its way.",
    )


StoreSettings = Annotated[FolderSettings | S3Settings, Field(discriminator="kind")]


class CommandScannerSettings(_Settings):
    """A program that reads the document from its standard input."""

    kind: Literal["command"]
    command: tuple[str, ...] = Field(
        min_length=1,
        description="Program and arguments, without a shell. Exit code 0: clean; 1: "
        "refused, with the finding on its output; anything else: no verdict.",
    )
    timeout_s: float = Field(300, gt=0, le=3600, description="Seconds for a document.")


class ClamdScannerSettings(_Settings):
    """A server that speaks clamd's INSTREAM."""

    kind: Literal["clamd"]
    address: str = Field(
        pattern=r"^(unix:/.+|tcp:[^:]+:\d{1,5})$",
        description="`unix:/path/to/socket` or `tcp:host:port`.",
    )
    timeout_s: float = Field(300, gt=0, le=3600, description="Seconds for a document.")


ScannerSettings = Annotated[
    CommandScannerSettings | ClamdScannerSettings, Field(discriminator="kind")
]


class VaultSettings(_Settings):
    """Where payloads lie, and under which keys."""

    store: StoreSettings = Field(
        default=FolderSettings(), description="Where the ciphertext lies."
    )
    key: KeySettings = Field(
        default=FileKeySettings(), description="The key-encryption key."
    )
    previous_keys: tuple[KeySettings, ...] = Field(
        default=(),
        max_length=PREVIOUS_KEYS_MAX,
        description="Former key-encryption keys, until `rotate` has run.",
    )
    scanner: ScannerSettings | None = Field(
        default=None, description="What looks at documents before they are stored."
    )
    document_size_bytes_max: int = Field(
        default=PAYLOAD_SIZE_BYTES_MAX,
        ge=1,
        le=PAYLOAD_SIZE_BYTES_MAX,
        description="Bytes of the largest document that is taken.",
    )
    orphan_age_s: int = Field(
        default=SECONDS_PER_DAY,
        ge=60,
        description="Seconds after which ciphertext that belongs to nothing is removed; "
        "longer than any document takes to arrive.",
    )

    @model_validator(mode="after")
    def _check_endpoint(self) -> VaultSettings:
        store = self.store
        if (
            isinstance(store, S3Settings)
            and store.endpoint.startswith("http://")
            and not store.allow_http
        ):
            raise ValueError("store.endpoint is without TLS; say allow_http = true")
        return self
