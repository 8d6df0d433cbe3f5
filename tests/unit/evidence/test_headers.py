"""From a trusted header forward, over chains whose validators change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from huitong.core.time import NS_PER_SECOND
from huitong.evidence.errors import (
    HeaderNotTrustedError,
    HeaderTooNewError,
    TrustedHashError,
)
from huitong.evidence.headers import check_light_block, trust_headers
from huitong.evidence.trust import TrustAnchor
from huitong.light.tendermint.errors import HeaderFromFutureError, InvalidHeaderError
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.testing.headers import SimChain
from huitong.testing.validators import make_validators

CHAIN = "hangzhou-1"
DAY_NS = 86_400 * NS_PER_SECOND


def _chain() -> SimChain:
    """Return a chain on which all of three validators are replaced, one by one."""
    old = make_validators([10, 10, 10], label="old")
    new = make_validators([10, 10, 10], label="new")
    chain = SimChain(CHAIN, old)
    for count in range(4):
        chain.advance(3, next_validators=(*old[count:], *new[:count]))
    return chain


def _anchor(chain: SimChain, height: int, **changes: object) -> TrustAnchor:
    header = chain.block(height).signed_header.header
    anchor = TrustAnchor(
        chain_id=CHAIN,
        height=height,
        hash=header_hash(header),
        next_validators_hash=header.next_validators_hash,
        validators_hash=None,
        validators=None,
        time_ns=header.time_ns,
        trusting_period_ns=14 * DAY_NS,
        trust_level=TrustLevel(numerator=1, denominator=3),
    )
    return replace(anchor, **changes)  # type: ignore[arg-type]


def _ways(chain: SimChain, heights: Iterable[int], anchor: TrustAnchor) -> list[str]:
    headers = {height: chain.light_block(height) for height in heights}
    return [route.way for route in trust_headers(headers, headers, (), anchor)]


def test_headers_are_reached_step_by_step_through_changes_of_validators() -> None:
    chain = _chain()
    assert _ways(chain, (2, 5, 8, 11, 12), _anchor(chain, 2)) == [
        "equal",
        "forward",
        "forward",
        "forward",
        "forward",
    ]
    assert _ways(chain, (4, 7, 10, 12), _anchor(chain, 3)) == ["forward"] * 4


def test_header_too_many_changes_away_is_not_trusted() -> None:
    chain = _chain()
    with pytest.raises(HeaderNotTrustedError, match="header 12 does not follow"):
        _ways(chain, (2, 12), _anchor(chain, 2))


def test_higher_trust_level_needs_closer_headers() -> None:
    chain = _chain()
    level = TrustLevel(numerator=2, denominator=3)
    with pytest.raises(HeaderNotTrustedError):
        _ways(chain, (2, 5, 12), _anchor(chain, 2, trust_level=level))
    _ways(chain, range(2, 13), _anchor(chain, 2, trust_level=level))


def test_validators_that_are_nowhere_in_the_bundle_cannot_be_asked() -> None:
    chain = _chain()
    headers = {12: replace(chain.light_block(12), next_validators=None)}
    with pytest.raises(HeaderNotTrustedError, match="not in the bundle"):
        trust_headers(headers, headers, (), _anchor(chain, 3))


@pytest.mark.parametrize(
    ("extra_ns", "is_trusted"), [(-1, True), (0, False), (1, False)]
)
def test_trust_ends_with_the_trusting_period_however_many_steps_are_taken(
    extra_ns: int, is_trusted: bool
) -> None:
    validators = make_validators([10], label="steady")
    chain = SimChain(CHAIN, validators)
    chain.advance(1)
    for _ in range(13):
        chain.next_time_ns += DAY_NS
        chain.advance(1)
    first = chain.block(1).signed_header.header.time_ns
    chain.next_time_ns = first + 14 * DAY_NS + extra_ns
    chain.advance(1)
    heights = range(1, 16)
    if is_trusted:
        assert _ways(chain, heights, _anchor(chain, 1))[-1] == "forward"
        return
    with pytest.raises(HeaderNotTrustedError, match="trusting period"):
        _ways(chain, heights, _anchor(chain, 1))


def test_older_headers_are_not_reached_without_history() -> None:
    chain = _chain()
    with pytest.raises(HeaderNotTrustedError, match=r"header 3 .*nothing leads back"):
        _ways(chain, (3, 5, 8), _anchor(chain, 5))
    with pytest.raises(HeaderTooNewError):
        _ways(chain, (3, 4), _anchor(chain, 5))


def test_fork_of_the_chain_is_not_trusted() -> None:
    chain = _chain()
    fork = chain.fork(4)
    strangers = make_validators([10, 10, 10], label="strangers")
    fork.validators = strangers
    fork.advance(4)
    with pytest.raises(HeaderNotTrustedError):
        _ways(fork, (2, 8), _anchor(chain, 2))
    honest_fork = chain.fork(4)
    honest_fork.advance(4)
    with pytest.raises(TrustedHashError):
        _ways(honest_fork, (6, 8), _anchor(chain, 6))


def test_header_that_continues_another_chain_is_not_trusted() -> None:
    chain = _chain()
    fork = chain.fork(4)
    fork.advance(4)
    assert _ways(chain, (7, 8), _anchor(chain, 6)) == ["forward", "forward"]
    with pytest.raises(TrustedHashError, match="next header"):
        _ways(fork, (7, 8), _anchor(chain, 6))
    with pytest.raises(TrustedHashError):
        _ways(chain, (7, 8), _anchor(chain, 6, hash=bytes(32)))


def test_header_is_checked_against_its_own_validators_and_the_clock() -> None:
    chain = _chain()
    block = chain.light_block(5)
    time_ns = block.signed_header.header.time_ns
    check_light_block(block, CHAIN, time_ns)
    check_light_block(block, CHAIN, time_ns - 10 * NS_PER_SECOND + 1)
    with pytest.raises(HeaderFromFutureError):
        check_light_block(block, CHAIN, time_ns - 10 * NS_PER_SECOND)
    with pytest.raises(InvalidHeaderError):
        check_light_block(block, "chongqing-1", time_ns)
    other = replace(block, next_validators=chain.light_block(12).validators)
    with pytest.raises(InvalidHeaderError):
        check_light_block(other, CHAIN, time_ns)
