"""``/health``: asked by probes, balancers and `huitong gateway status`; needs no key."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from huitong.gateway.access.routes import GuardedRoute
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.service.health import find_readiness

router = APIRouter(prefix="/health", tags=["health"], route_class=GuardedRoute)


class HealthCheck(BaseModel):
    """One condition and whether it holds."""

    name: str = Field(description="Permanent name of the condition.", examples=["zone"])
    ok: bool = Field(description="Whether it holds.")
    seen: str = Field(description="What was seen.", examples=["answers"])


class Health(BaseModel):
    """An answer to a probe."""

    ok: bool = Field(description="Whether every condition holds.")
    checks: list[HealthCheck] = Field(
        description="The conditions, in a permanent order."
    )


@router.get("/live", operation_id="getLiveness", summary="Whether the process answers")
async def show_liveness() -> Health:
    """Answer as long as the process can answer at all; restart it if this fails."""
    return Health(ok=True, checks=[])


@router.get(
    "/ready",
    operation_id="getReadiness",
    summary="Whether requests should go here",
    responses={503: {"model": Health, "description": "A part is down."}},
)
async def show_readiness(services: ServicesOf, response: Response) -> Health:
    """Ask the database and the zone; answer 503 if one of them does not."""
    verdict = await find_readiness(services)
    if not verdict.is_good:
        response.status_code = 503
    return Health(
        ok=verdict.is_good,
        checks=[
            HealthCheck(name=check.name, ok=check.is_met, seen=check.seen)
            for check in verdict.checks
        ],
    )
