"""Settings of who may call: what could never be right is refused at once."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from huitong.gateway.access.settings import AccessSettings, ProviderSettings


def _provider(**changed: Any) -> ProviderSettings:
    given = {
        "name": "bank",
        "issuer": "https://login.bank.example/realms/staff",
        "audience": "gateway",
        "roles": [{"value": "gateway-officers", "role": "officer"}],
    }
    return ProviderSettings.model_validate({**given, **changed})


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.bank.example",
        "https://login.bank.example:8443/a/",
        "http://127.0.0.1:5556/dex",
        "http://localhost",
        "http://[::1]:5556",
    ],
)
def test_issuer_that_can_be_believed_is_taken(issuer: str) -> None:
    assert _provider(issuer=issuer).issuer == issuer


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://login.bank.example"},
        {"issuer": "http://127.0.0.1.evil.example"},
        {"issuer": "http://localhost@evil.example"},
        {"issuer": "https://login.bank.example?tenant=1"},
        {"issuer": "https://"},
        {"issuer": "login.bank.example"},
        {"issuer": "file:///etc/passwd"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
        {"roles": [{"value": "all", "role": "king"}]},
        {"name": "Bank of Ningbo"},
        {"audience": ""},
        {"secret": "x"},
    ],
)
def test_provider_that_could_never_be_right_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _provider(**changed)


def test_everything_has_a_default() -> None:
    assert AccessSettings().providers == ()
