"""Keys of the store ``governance``: one byte of kind, then numbers of 8 bytes, big-endian.

A proposal and a vote are provable alone, under the keys that the functions below build.
"""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "governance"
#: Where the rules of voting stand.
PARAMS_KEY: Final = b"\x01"
#: Prefix of ``proposal_key``.
PROPOSAL_PREFIX: Final = b"\x02"
#: Prefix of ``vote_key``.
VOTE_PREFIX: Final = b"\x03"
#: Prefix of ``open_key``.
OPEN_PREFIX: Final = b"\x04"
#: Prefix of ``ended_key``.
ENDED_PREFIX: Final = b"\x05"
#: Where the number of the next proposal stands.
NEXT_PROPOSAL_ID_KEY: Final = b"\x06"

_SIZE: Final = 8


def proposal_key(proposal_id: int) -> bytes:
    """Return the key of a proposal; its value is an encoded ``Proposal``."""
    return PROPOSAL_PREFIX + _number(proposal_id)


def votes_prefix(proposal_id: int) -> bytes:
    """Return what the keys of a proposal's votes begin with."""
    return VOTE_PREFIX + _number(proposal_id)


def vote_key(proposal_id: int, member_id: str) -> bytes:
    """Return the key of a member's vote; its value is an encoded ``Vote``."""
    return votes_prefix(proposal_id) + member_id.encode()


def open_key(deadline_ns: int, proposal_id: int) -> bytes:
    """Return the key of a proposal under vote; its value is the proposer's member id."""
    return OPEN_PREFIX + _number(deadline_ns) + _number(proposal_id)


def split_open_key(key: bytes) -> tuple[int, int]:
    """Return deadline and proposal id of an ``open_key``."""
    deadline, proposal_id = key[1 : 1 + _SIZE], key[1 + _SIZE :]
    return int.from_bytes(deadline, "big"), int.from_bytes(proposal_id, "big")


def ended_key(ended_height: int, proposal_id: int) -> bytes:
    """Return the key by which ended proposals stand in the order of their end."""
    return ENDED_PREFIX + _number(ended_height) + _number(proposal_id)


def _number(value: int) -> bytes:
    return value.to_bytes(_SIZE, "big")
