"""What ``gateway.toml`` says of the database."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

#: What stands before the name of an environment variable.
ENVIRONMENT_PREFIX: Final = "env:"


class DatabaseSettings(BaseModel):
    """The gateway's own memory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        default="sqlite:///gateway.db",
        min_length=1,
        max_length=1_024,
        description="`sqlite:///PATH` (below the home folder, or absolute with four slashes) "
        "or `postgresql://USER@HOST/NAME`; `env:NAME` takes it from an environment variable, "
        "as a URL with a password should be.",
    )
