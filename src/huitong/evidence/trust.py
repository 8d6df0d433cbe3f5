"""What a verifier trusts: one header, or the genesis, of each zone.

A trust file is JSON (any layout)::

    {"zones": [
      {"chain_id": "hangzhou-1", "height": 42, "hash": "…", "next_validators_hash": "…",
       "time": "2026-11-23T20:35:00Z"},
      {"chain_id": "chongqing-1", "genesis": "chongqing-1.genesis.json"}
    ]}

* ``hash`` is the header's hash. ``next_validators_hash`` or ``validators_hash`` is what
  the header says of its validators. They are compared with the bundle's header of this
  height if it has one, and are the start of the light client if it has not.
* ``time`` is the header's time. It may be left out, but an older header that is not in
  the bundle cannot be used without it, because its age must be known.
* ``genesis`` is the document itself or the name of a file beside the trust file.
* ``timestamp_authorities``, beside ``zones``, may list root certificates (PEM, or names
  of files beside the trust file) of authorities whose time-stamps are believed.
* ``trusting_period_s`` and ``trust_level`` (``"2/3"``) may be set for each zone.

Hashes may be written in either case, as nodes and explorers show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.x509 import Certificate, load_pem_x509_certificates

from huitong.core.canonical_json import JsonError, decode_json, encode_json
from huitong.core.errors import HuitongError
from huitong.core.limits import INT64_MAX, TRUST_FILE_SIZE_BYTES_MAX
from huitong.core.time import NS_PER_SECOND, format_rfc3339, parse_rfc3339
from huitong.evidence.errors import TrustFileError
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.rpc_json import validator_set_from_json
from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS
from huitong.light.tendermint.trust_level import (
    TRUST_LEVEL_DEFAULT,
    TrustLevel,
    check_trust_level,
)
from huitong.light.tendermint.validator_set import ValidatorSet, sorted_validators

_HEADER_MEMBERS: Final = frozenset(
    {"height", "hash", "next_validators_hash", "validators_hash", "time"}
)
_AUTHORITIES: Final = "timestamp_authorities"
_MEMBERS: Final = frozenset({"zones", _AUTHORITIES})
#: Authorities that one trust file names.
AUTHORITIES_MAX: Final = 32
_OPTIONS: Final = frozenset({"chain_id", "trusting_period_s", "trust_level"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """One point of one zone that a verifier believes in."""

    chain_id: str
    """The zone."""
    height: int
    """The header's height; for a genesis the height before the first block."""
    hash: bytes | None
    """The header's hash, 32 bytes; None for a genesis."""
    next_validators_hash: bytes | None
    """Hash of the set that signs the next height, if given."""
    validators_hash: bytes | None
    """Hash of the set that signs this height, if given."""
    validators: ValidatorSet | None
    """The set itself, where a genesis names it."""
    time_ns: int | None
    """The header's time, if known."""
    trusting_period_ns: int
    """How long after its time the header is believed to say who the validators are."""
    trust_level: TrustLevel
    """Share of the trusted validators that must have signed a later header."""


def load_trust(path: Path) -> dict[str, TrustAnchor]:
    """Read a trust file; return its anchors by chain id.

    Raises:
        TrustFileError: unreadable, or not of the form given at the top.
    """
    value = _read_json(path, path)
    try:
        _check_members(value)
        zones = value["zones"]
        if not isinstance(zones, list) or not zones:
            raise ValueError('"zones" is not a list with an entry for each zone')
        anchors = [_anchor(path, zone) for zone in zones]
    except ValueError as error:
        raise TrustFileError(path=path, reason=str(error)) from error
    by_zone = {anchor.chain_id: anchor for anchor in anchors}
    if len(by_zone) != len(anchors):
        raise TrustFileError(path=path, reason="a zone has two entries")
    return by_zone


def load_authorities(path: Path) -> tuple[Certificate, ...]:
    """Return the root certificates that a trust file names; none if it has no such list.

    Raises:
        TrustFileError: unreadable, or not of the form given at the top.
    """
    value = _read_json(path, path)
    try:
        _check_members(value)
        given = value.get(_AUTHORITIES, [])
        if not isinstance(given, list) or len(given) > AUTHORITIES_MAX:
            raise ValueError(f"{_AUTHORITIES} is no list of at most {AUTHORITIES_MAX}")
        found: list[Certificate] = []
        for item in given:
            found += load_pem_x509_certificates(_pem(path, item))
    except (ValueError, OSError) as error:
        raise TrustFileError(path=path, reason=f"{_AUTHORITIES}: {error}") from error
    return tuple(found)


def encode_trust(headers: Mapping[str, BlockHeader]) -> bytes:
    """Return a trust file that names one header for each zone."""
    return encode_json(
        {
            "zones": [
                {
                    "chain_id": chain_id,
                    "hash": header_hash(header).hex(),
                    "height": header.height,
                    "next_validators_hash": header.next_validators_hash.hex(),
                    "time": format_rfc3339(header.time_ns),
                }
                for chain_id, header in sorted(headers.items())
            ]
        },
        indent=2,
    )


def _check_members(value: Any) -> None:
    if not isinstance(value, dict) or not {"zones"} <= set(value) <= _MEMBERS:
        raise ValueError(f'expected "zones", and perhaps {_AUTHORITIES!r}')


def _pem(path: Path, item: Any) -> bytes:
    if not isinstance(item, str) or not item:
        raise ValueError("an entry is no text")
    if item.lstrip().startswith("-----BEGIN"):
        return item.encode()
    with (path.parent / item).open("rb") as file:
        return file.read(TRUST_FILE_SIZE_BYTES_MAX)


def _read_json(path: Path, trust_file: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(TRUST_FILE_SIZE_BYTES_MAX + 1)
        if len(data) > TRUST_FILE_SIZE_BYTES_MAX:
            raise TrustFileError(path=trust_file, reason=f"{path} is too large")
        return decode_json(data)
    except OSError as error:
        reason = f"{path}: {error.strerror}" if path != trust_file else error.strerror
        raise TrustFileError(path=trust_file, reason=reason) from error
    except JsonError as error:
        raise TrustFileError(path=trust_file, reason=f"{path}: {error}") from error


def _anchor(path: Path, zone: Any) -> TrustAnchor:
    if not isinstance(zone, dict):
        raise ValueError("an entry is not an object")
    chain_id = zone.get("chain_id")
    if not isinstance(chain_id, str) or not chain_id:
        raise ValueError("an entry has no chain_id")
    known = {"genesis"} if "genesis" in zone else _HEADER_MEMBERS
    if unknown := sorted(zone.keys() - known - _OPTIONS):
        raise ValueError(f"{chain_id}: unknown member {unknown[0]!r}")
    period_s = _integer(zone, "trusting_period_s", chain_id)
    shared = {
        "chain_id": chain_id,
        "trusting_period_ns": period_s * NS_PER_SECOND
        if period_s is not None
        else TRUSTING_PERIOD_NS,
        "trust_level": _trust_level(zone, chain_id),
    }
    if "genesis" in zone:
        return _genesis_anchor(path, zone["genesis"], shared)
    return _header_anchor(zone, shared)


def _header_anchor(zone: dict[str, Any], shared: dict[str, Any]) -> TrustAnchor:
    chain_id = shared["chain_id"]
    height = _integer(zone, "height", chain_id)
    header = _hash(zone, "hash", chain_id)
    following = _hash(zone, "next_validators_hash", chain_id)
    own = _hash(zone, "validators_hash", chain_id)
    if not height or header is None:
        raise ValueError(f"{chain_id}: height and hash are needed, or a genesis")
    if following is None and own is None:
        raise ValueError(
            f"{chain_id}: next_validators_hash or validators_hash is needed"
        )
    time_ns = None
    if "time" in zone:
        time_ns = _time(zone["time"], chain_id)
    return TrustAnchor(
        height=height,
        hash=header,
        next_validators_hash=following,
        validators_hash=own,
        validators=None,
        time_ns=time_ns,
        **shared,
    )


def _genesis_anchor(path: Path, genesis: Any, shared: dict[str, Any]) -> TrustAnchor:
    chain_id = shared["chain_id"]
    if isinstance(genesis, str):
        genesis = _read_json(path.parent / genesis, path)
    if not isinstance(genesis, dict) or genesis.get("chain_id") != chain_id:
        raise ValueError(f"{chain_id}: the genesis is not that of this zone")
    try:
        initial = int(genesis.get("initial_height", "1"))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{chain_id}: initial_height of the genesis") from error
    validators = _genesis_validators(genesis, chain_id)
    return TrustAnchor(
        height=initial - 1,
        hash=None,
        next_validators_hash=validators.hash,
        validators_hash=None,
        validators=validators,
        # The first block has the genesis time itself, and time must go forward.
        time_ns=_time(genesis.get("genesis_time"), chain_id) - 1,
        **shared,
    )


def _genesis_validators(genesis: dict[str, Any], chain_id: str) -> ValidatorSet:
    entries = genesis.get("validators")
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{chain_id}: the genesis names no validators")
    renamed = [
        {**entry, "voting_power": entry.get("power")}
        for entry in entries
        if isinstance(entry, dict)
    ]
    try:
        named = validator_set_from_json({"validators": renamed})
    except HuitongError as error:
        raise ValueError(f"{chain_id}: validators of the genesis: {error}") from error
    return ValidatorSet(validators=sorted_validators(named.validators))


def _integer(zone: dict[str, Any], name: str, chain_id: str) -> int | None:
    value = zone.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= INT64_MAX:
        raise ValueError(f"{chain_id}: {name} is not a positive integer")
    return value


def _hash(zone: dict[str, Any], name: str, chain_id: str) -> bytes | None:
    value = zone.get(name)
    if value is None:
        return None
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ValueError(f"{chain_id}: {name} is not 64 hexadecimal digits")
    return digest


def _time(value: Any, chain_id: str) -> int:
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except HuitongError as error:
        raise ValueError(f"{chain_id}: {error}") from error


def _trust_level(zone: dict[str, Any], chain_id: str) -> TrustLevel:
    value = zone.get("trust_level")
    if value is None:
        return TRUST_LEVEL_DEFAULT
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"{chain_id}: trust_level is not a fraction such as 2/3")
    level = TrustLevel(numerator=int(parts[0][:20]), denominator=int(parts[1][:20]))
    try:
        check_trust_level(level)
    except HuitongError as error:
        raise ValueError(f"{chain_id}: {error}") from error
    return level
