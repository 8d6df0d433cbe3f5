"""What routes are handed: the parts of the gateway in this process."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from huitong.gateway.service.services import Services


def _services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesOf = Annotated[Services, Depends(_services_of)]
"""The parts of the gateway, opened at the start of the process."""
