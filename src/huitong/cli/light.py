"""``huitong light``: check a header against one that is trusted, with nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click
import orjson

from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.limits import INT64_MAX, LIGHT_BLOCK_FILE_BYTES_MAX
from huitong.core.time import format_rfc3339, parse_rfc3339
from huitong.light.tendermint.errors import (
    InvalidMaxClockDriftError,
    InvalidTrustingPeriodError,
)
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.rpc_json import light_block_from_json
from huitong.light.tendermint.signed_header import LightBlock, check_signed_header
from huitong.light.tendermint.trust_level import TrustLevel, check_trust_level
from huitong.light.tendermint.verify import (
    TrustedHeader,
    TrustOptions,
    verify_light_header,
)

#: Go's units of duration in nanoseconds; micro may be written in three ways.
_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART: Final = re.compile(
    r"(?P<whole>[0-9]{0,19})(?:\.(?P<fraction>[0-9]{0,19}))?"
    r"(?P<unit>ns|us|µs|μs|ms|s|m|h)"
)
_FRACTION: Final = re.compile(r"([0-9]{1,19})/([0-9]{1,19})", re.ASCII)


@click.group()
def light() -> None:
    """Check headers as a light client does."""


@light.command()
@click.option("--trusted", required=True, help="File with a light block you trust.")
@click.option("--untrusted", required=True, help="File with the light block to check.")
@click.option("--chain-id", required=True, help="Chain that both must belong to.")
@click.option("--now", required=True, help="Time of the check, RFC 3339.")
@click.option("--trusting-period", default="336h", show_default=True)
@click.option("--trust-level", default="2/3", show_default=True)
@click.option("--clock-drift", default="10s", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def verify(as_json: bool, **options: str) -> None:
    """Check that one light block follows from another.

    Each file holds one JSON object with `commit`, `validators` and `next_validators` as a
    node's RPC serves them. Of the trusted block the next validators count.
    """
    try:
        detail = _verify(**options)
    except HuitongError as error:
        _print(as_json, error=f"{error.codespace}/{error.code}", detail=str(error))
        raise click.exceptions.Exit(1) from None
    _print(as_json, error=None, detail=detail)


def _verify(
    *,
    trusted: str,
    untrusted: str,
    chain_id: str,
    now: str,
    trusting_period: str,
    trust_level: str,
    clock_drift: str,
) -> str:
    """Check the block and return what was shown."""
    options = _options(trusting_period, trust_level, clock_drift)
    now_ns = parse_rfc3339(now)
    old, new = _read_light_block(trusted), _read_light_block(untrusted)
    if old.next_validators is None:
        raise InvalidRequestError(reason=f"{trusted} has no next_validators")
    if new.validators is None:
        raise InvalidRequestError(reason=f"{untrusted} has no validators")
    try:
        check_signed_header(old.signed_header, chain_id)
    except HuitongError as error:
        raise error.prefixed(trusted) from None
    believed = old.signed_header.header
    verify_light_header(
        chain_id=chain_id,
        trusted=TrustedHeader(
            height=believed.height,
            time_ns=believed.time_ns,
            next_validators_hash=believed.next_validators_hash,
        ),
        trusted_validators=old.next_validators,
        signed_header=new.signed_header,
        validators=new.validators,
        options=options,
        now_ns=now_ns,
    )
    header = new.signed_header.header
    return (
        f"{chain_id} height {header.height} of {format_rfc3339(header.time_ns)}, hash "
        f"{header_hash(header).hex().upper()}, follows from height {believed.height}"
    )


def _options(trusting_period: str, trust_level: str, clock_drift: str) -> TrustOptions:
    period_ns = parse_duration(trusting_period, "--trusting-period")
    drift_ns = parse_duration(clock_drift, "--clock-drift")
    if period_ns <= 0:
        raise InvalidTrustingPeriodError(period_ns=period_ns, reason="not positive")
    if drift_ns < 0:
        raise InvalidMaxClockDriftError(drift_ns=drift_ns, reason="is negative")
    return TrustOptions(
        trusting_period_ns=period_ns,
        max_clock_drift_ns=drift_ns,
        trust_level=_parse_trust_level(trust_level),
    )


def parse_duration(text: str, option: str) -> int:
    """Return the nanoseconds of a duration in Go's form, such as ``1h30m`` or ``1.5s``.

    A fraction below one nanosecond is dropped, as Go does.

    Raises:
        InvalidRequestError: another form, or beyond 64 bits.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total_ns, position = 0, 0
    while position < len(rest):
        part = _DURATION_PART.match(rest, position)
        if part is None or not (part["whole"] or part["fraction"]):
            break
        unit_ns = _UNITS_NS[part["unit"]]
        fraction = part["fraction"] or ""
        total_ns += int(part["whole"] or "0") * unit_ns
        total_ns += int(fraction or "0") * unit_ns // 10 ** len(fraction)
        position = part.end()
    if not rest or position < len(rest) or total_ns > INT64_MAX:
        raise InvalidRequestError(
            reason=f"{option} {text[:80]!r} is not a duration such as 336h or 1m30s"
        )
    return sign * total_ns


def _parse_trust_level(text: str) -> TrustLevel:
    match = _FRACTION.fullmatch(text)
    if match is None:
        raise InvalidRequestError(
            reason=f"--trust-level {text[:80]!r} is not a fraction such as 2/3"
        )
    level = TrustLevel(numerator=int(match[1]), denominator=int(match[2]))
    check_trust_level(level)
    return level


def _read_light_block(name: str) -> LightBlock:
    try:
        with Path(name).open("rb") as file:
            data = file.read(LIGHT_BLOCK_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise InvalidRequestError(reason=f"cannot read {name}: {reason}") from None
    if len(data) > LIGHT_BLOCK_FILE_BYTES_MAX:
        raise InvalidRequestError(reason=f"{name} is too large for a light block")
    try:
        value: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(reason=f"{name} is not JSON: {error}") from None
    try:
        return light_block_from_json(value)
    except HuitongError as error:
        raise error.prefixed(name) from None


def _print(as_json: bool, *, error: str | None, detail: str) -> None:
    if as_json:
        verdict = {"ok": error is None, "error": error, "detail": detail}
        click.echo(orjson.dumps(verdict))
    elif error is None:
        click.echo(f"ok: {detail}")
    else:
        click.echo(f"Error: {detail} [{error}]", err=True)
