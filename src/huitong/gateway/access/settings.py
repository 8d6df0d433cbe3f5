"""Settings of section ``[access]``: identity providers, API keys, the audit log."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from huitong.gateway.access.roles import Role

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
]
"""Signatures of tokens: public keys only, so that no key can be confused for a secret."""
ALGORITHMS_DEFAULT: Final[tuple[Algorithm, ...]] = ("RS256", "PS256", "ES256", "EdDSA")


#: https, or http on this machine; no query, as OpenID Connect Discovery wants it.
_ISSUER: Final = (
    r"^(https://[^/?#\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?$"
)


class RoleRule(BaseModel):
    """Gives a role to tokens that say something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str = Field(
        default="groups",
        min_length=1,
        max_length=128,
        description="Claim that is looked at; a text or a list of texts.",
    )
    value: str = Field(
        min_length=1,
        max_length=256,
        description="What the claim must be, or contain; compared to the letter.",
    )
    role: Role = Field(description="Role that the caller gets.")


class ProviderSettings(BaseModel):
    """An identity provider whose tokens are taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,15}$",
        description="Short name; a part of the callers' ids, so it never changes.",
    )
    issuer: str = Field(
        pattern=_ISSUER,
        max_length=512,
        description="URL as in the tokens' `iss`; https, or http on this machine.",
    )
    audience: str = Field(
        min_length=1,
        max_length=256,
        description="What the tokens' `aud` must name.",
    )
    roles: tuple[RoleRule, ...] = Field(
        default=(), max_length=256, description="Which tokens get which roles."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=ALGORITHMS_DEFAULT,
        min_length=1,
        description="Signatures that are taken.",
    )


class AccessSettings(BaseModel):
    """Who may call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    providers: tuple[ProviderSettings, ...] = Field(
        default=(), max_length=16, description="Identity providers, by `issuer`."
    )
    leeway_s: int = Field(
        default=30,
        ge=0,
        le=300,
        description="Seconds that the clock of an identity provider may be off.",
    )
    keys_fresh_s: int = Field(
        default=300,
        ge=1,
        description="Seconds after which a provider's keys are read again.",
    )
    keys_grace_s: int = Field(
        default=3_600,
        ge=1,
        description="Seconds for which a provider's keys are used that cannot be read again; then its tokens are refused.",
    )
    provider_timeout_s: float = Field(
        default=5, gt=0, description="Seconds that a provider has to answer."
    )
    api_key_days_max: int = Field(
        default=365, ge=1, le=3_650, description="Longest term of an API key."
    )
    api_key_cache_s: int = Field(
        default=2,
        ge=0,
        le=60,
        description="Seconds for which a process remembers an API key: after a revocation other processes may take it that much longer.",
    )
