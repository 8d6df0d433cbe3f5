"""Time-stamps of a real authority: verified, refused, and never more than they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huitong.evidence import kinds
from huitong.evidence.container import decode_container, encode_container
from huitong.evidence.errors import (
    AuthorityDownError,
    StampError,
    TrustFileError,
)
from huitong.evidence.manifest import MANIFEST_ENTRY
from huitong.evidence.stamps import (
    STAMP_BYTES_MAX,
    add_stamp,
    read_stamp,
    request_stamp,
)
from huitong.evidence.trust import load_authorities
from huitong.evidence.verify import GRADE_PROVEN, verify_bundle
from tests.ended_kit import made
from tests.unit.evidence.authority import Authority, make_authority
from tests.unit.gateway.connectors.http_kit import serve

BUNDLE, OTHER = made(kinds.MEMBER_STATE), made(kinds.GRANT_STATE)
STAMPED = "addenda/01/timestamp.tsr"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa") / "other", "other")


def _manifest(data: bytes = BUNDLE.data) -> bytes:
    return decode_container(data)[MANIFEST_ENTRY]


async def _stamped(authority: Authority) -> bytes:
    with authority.serve() as url:
        return add_stamp(BUNDLE.data, await request_stamp(_manifest(), url))


async def test_stamp_of_a_trusted_authority_is_verified(authority: Authority) -> None:
    verdict = verify_bundle(
        await _stamped(authority),
        BUNDLE.trust(),
        now_ns=BUNDLE.now_ns,
        authorities=[authority.root],
    )
    assert verdict.grade == GRADE_PROVEN
    (check,) = [check for check in verdict.checks if check.name == "time-stamps"]
    assert check.detail.startswith("1 of trusted authorities: 20")


async def test_stamp_of_an_authority_that_nobody_named_says_so(
    authority: Authority,
) -> None:
    verdict = verify_bundle(await _stamped(authority), None, now_ns=BUNDLE.now_ns)
    (check,) = [check for check in verdict.checks if check.name == "time-stamps"]
    assert "nobody said to trust" in check.detail


async def test_stamp_of_another_authority_than_those_trusted_is_refused(
    authority: Authority, stranger: Authority
) -> None:
    verdict = verify_bundle(
        await _stamped(authority),
        None,
        now_ns=BUNDLE.now_ns,
        authorities=[stranger.root],
    )
    assert verdict.failed is not None
    assert (verdict.failed.name, verdict.failed.error) == ("time-stamps", "evidence/26")


async def test_stamp_of_another_bundle_is_refused(authority: Authority) -> None:
    other = OTHER.data
    with authority.serve() as url:
        answer = await request_stamp(_manifest(other), url)
    with pytest.raises(StampError, match="another bundle"):
        add_stamp(BUNDLE.data, answer)


async def test_changed_byte_of_a_stamp_is_refused(authority: Authority) -> None:
    stamped = await _stamped(authority)
    entries = decode_container(stamped)
    stamp = entries[STAMPED]
    for at in range(0, len(stamp), 7):
        changed = bytearray(stamp)
        changed[at] ^= 1
        forged = encode_container(entries | {STAMPED: bytes(changed)})
        verdict = verify_bundle(
            forged, None, now_ns=BUNDLE.now_ns, authorities=[authority.root]
        )
        assert verdict.failed is not None


async def test_second_stamp_is_added_behind_the_first(
    authority: Authority, stranger: Authority
) -> None:
    first = await _stamped(authority)
    with stranger.serve() as url:
        second = add_stamp(first, await request_stamp(_manifest(first), url))
    verdict = verify_bundle(
        second,
        None,
        now_ns=BUNDLE.now_ns,
        authorities=[authority.root, stranger.root],
    )
    assert verdict.failed is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b""),
        (200, b"not DER"),
        (200, b"\x30\x00"),
        (200, bytes(STAMP_BYTES_MAX + 1)),
    ],
)
async def test_answer_that_is_no_stamp_is_refused(status: int, body: bytes) -> None:
    with serve(lambda _: (status, body)) as server, pytest.raises(AuthorityDownError):
        await request_stamp(_manifest(), server.url)


async def test_old_stamp_given_again_is_refused(authority: Authority) -> None:
    """Its nonce is that of another question."""
    stamp = decode_container(await _stamped(authority))[STAMPED]
    refused = pytest.raises(AuthorityDownError, match="something else")
    with serve(lambda _: (200, stamp)) as server, refused:
        await request_stamp(_manifest(), server.url)


async def test_authority_that_is_away_is_down() -> None:
    with serve(lambda _: (200, b"")) as server:
        url = server.url
    with pytest.raises(AuthorityDownError):
        await request_stamp(_manifest(), url)


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, bytes(STAMP_BYTES_MAX + 1)])
def test_bytes_that_are_no_stamp_are_refused(data: bytes) -> None:
    with pytest.raises(StampError):
        read_stamp(data)


def test_trust_file_names_authorities(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "root.pem").write_bytes(authority.root_path.read_bytes())
    text = authority.root_path.read_text()
    trust = {"zones": [], "timestamp_authorities": ["root.pem", text]}
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    assert load_authorities(tmp_path / "trust.json") == (authority.root,) * 2


@pytest.mark.parametrize("named", [["absent.pem"], [1], "root.pem", ["-----BEGIN x"]])
def test_authority_that_cannot_be_read_is_refused(
    tmp_path: Path, named: object
) -> None:
    trust = {"zones": [], "timestamp_authorities": named}
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    with pytest.raises(TrustFileError, match="timestamp_authorities"):
        load_authorities(tmp_path / "trust.json")
