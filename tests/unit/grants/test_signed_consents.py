"""Consents that subjects sign with their own keys, versions, and signed withdrawals."""

from __future__ import annotations

from typing import Any

import pytest
from ed25519_zebra import ed_public_from_secret, ed_sign

from huitong.core import secp256k1
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError
from huitong.core.hashing import sha256
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import (
    CONSENT_VERSIONS_MAX,
    GRANTS_PER_CONSENT_MAX,
    STATEMENT_AGE_S_MAX,
    STATEMENT_AHEAD_S_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.light.tendermint.signatures import is_signed
from huitong.modules import grants, members, records
from huitong.modules.grants import errors
from huitong.modules.grants.statements import (
    consent_statement,
    pseudonym_of,
    withdrawal_statement,
)
from huitong.modules.members.errors import MemberNotFoundError
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS

NOW = GENESIS_TIME_NS // NS_PER_SECOND
SALT = bytes(range(32))
SECP, ED = pb.SUBJECT_KEY_KIND_SECP256K1, pb.SUBJECT_KEY_KIND_ED25519
ANYBODY = address_of("relayer")
READER = pb.Reader(channel_id="channel-0", member_id="bank")
QUERY = "/huitong.grants.v1.Query"


class Subject:
    """A person with a key of her own."""

    def __init__(self, kind: int, name: str = "wang") -> None:
        self.kind = kind
        self._secret = sha256(name.encode())
        self.public_key = (
            secp256k1.public_key_of_private_key(self._secret)
            if kind == SECP
            else bytes(ed_public_from_secret(self._secret))
        )
        self.pseudonym = pseudonym_of(SALT, kind, self.public_key)

    def sign(self, statement: bytes, **changes: Any) -> pb.SubjectSignature:
        signature = (
            secp256k1.sign(self._secret, statement)
            if self.kind == SECP
            else bytes(ed_sign(self._secret, statement))
        )
        fields: dict[str, Any] = {
            "kind": self.kind,
            "public_key": self.public_key,
            "salt": SALT,
            "signature": signature,
        }
        return pb.SubjectSignature(**{**fields, **changes})

    def consent(
        self,
        zone: str = "hangzhou-1",
        signed: dict[str, Any] | None = None,
        **changes: Any,
    ) -> pb.MsgSubmitConsent:
        """Return a consent; ``signed`` says how the words signed differ."""
        fields: dict[str, Any] = {
            "signer": ANYBODY,
            "recorder": "tax",
            "subject": self.pseudonym,
            "reader": READER,
            "purpose": "receivable-financing",
            "fields": ["amount"],
            "valid_until": NOW + 1_000,
            "signed_time": NOW,
            **changes,
        }
        message = pb.MsgSubmitConsent(**fields)
        words = pb.MsgSubmitConsent(**{**fields, **(signed or {})})
        message.signature.CopyFrom(self.sign(consent_statement(zone, words)))
        return message

    def withdrawal(self, consent_id: int = 1, **changes: Any) -> pb.MsgSubmitWithdrawal:
        fields: dict[str, Any] = {
            "signer": ANYBODY,
            "consent_id": consent_id,
            "reason": "I changed my mind",
            "signed_time": NOW,
            **changes,
        }
        message = pb.MsgSubmitWithdrawal(**fields)
        statement = withdrawal_statement(
            "hangzhou-1", consent_id, message.reason, message.signed_time
        )
        message.signature.CopyFrom(self.sign(statement))
        return message


WANG = Subject(SECP)
MODULES = [members.MODULE, records.MODULE, grants.MODULE]
ACCOUNTS = {
    "holder": ("tax", "publisher"),
    "other": ("court", "publisher"),
    "relayer": ("", "relayer"),
}


def new_zone(*messages: Any) -> MemoryZone:
    zone = MemoryZone(MODULES, genesis={"members": members_genesis(ACCOUNTS)})
    for message in messages:
        zone.run(message)
    return zone


def consent_of(zone: MemoryZone, consent_id: int = 1, version: int = 0) -> pb.Consent:
    request = pb.QueryConsentRequest(consent_id=consent_id, version=version)
    found: pb.Consent = zone.query(f"{QUERY}/Consent", request).consent
    return found


def captured(**changes: Any) -> pb.MsgRecordConsent:
    fields: dict[str, Any] = {
        "signer": address_of("holder"),
        "subject": WANG.pseudonym,
        "reader": READER,
        "purpose": "receivable-financing",
        "evidence_digest": bytes(32),
    }
    return pb.MsgRecordConsent(**{**fields, **changes})


def hanging_grant(**changes: Any) -> pb.MsgGrant:
    fields: dict[str, Any] = {
        "signer": address_of("holder"),
        "reader": READER,
        "record_type": "tax.invoice",
        "purpose": "receivable-financing",
        "consent_id": 1,
    }
    return pb.MsgGrant(**{**fields, **changes})


# --- signed ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SECP, ED])
def test_consent_that_its_subject_signed_is_brought_by_anybody(kind: int) -> None:
    subject = Subject(kind)
    message = subject.consent()
    zone = new_zone(message)
    kept = consent_of(zone)
    assert (kept.recorder, kept.version, kept.signed_time) == ("tax", 1, NOW)
    assert kept.signature == message.signature
    assert kept.evidence_digest == sha256(consent_statement("hangzhou-1", message))
    assert zone.told("consent_recorded")[0]["by_subject"] == "1"
    zone.run(subject.withdrawal())
    kept = consent_of(zone)
    assert kept.withdrawn
    assert kept.HasField("withdrawal")
    assert zone.told("consent_withdrawn")[0]["by_subject"] == "1"


def test_statement_is_text_that_a_person_can_read() -> None:
    statement = consent_statement("hangzhou-1", WANG.consent(fields=["amount", "金额"]))
    assert statement.decode() == (
        '{"consent_id":0,"fields":["amount","金额"],"issuer":"tax",'
        '"previous_version":0,"purpose":"receivable-financing","reader":"bank",'
        f'"reader_channel":"channel-0","signed_time":{NOW},'
        f'"subject":"{WANG.pseudonym.hex()}","type":"huitong-consent-1",'
        f'"valid_from":0,"valid_until":{NOW + 1_000},"zone":"hangzhou-1"}}'
    )
    assert withdrawal_statement("hangzhou-1", 1, "x", NOW) == (
        b'{"consent_id":1,"reason":"x","signed_time":%d,'
        b'"type":"huitong-consent-withdrawal-1","zone":"hangzhou-1"}' % NOW
    )


def changed(**signature: Any) -> pb.MsgSubmitConsent:
    message = WANG.consent()
    for name, value in signature.items():
        setattr(message.signature, name, value)
    return message


ELSE = Subject(SECP, "li")
#: The identity and a point of order 8: keys under which one signature fits all words.
SMALL = [
    b"\x01" + bytes(31),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes(32),
]
NOBODY_SIGNED = b"\x01" + bytes(63)


def signed_by_a_small_key(key: bytes) -> pb.MsgSubmitConsent:
    message = WANG.consent(subject=pseudonym_of(SALT, ED, key))
    message.signature.CopyFrom(
        pb.SubjectSignature(kind=ED, public_key=key, salt=SALT, signature=NOBODY_SIGNED)
    )
    return message


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (WANG.consent(subject=b"short"), InvalidRequestError),
    (WANG.consent(recorder=""), InvalidRequestError),
    (WANG.consent(purpose="A"), InvalidRequestError),
    (WANG.consent(fields=["b", "a"]), InvalidRequestError),
    (WANG.consent(previous_version=1), InvalidRequestError),
    (
        WANG.consent(reader=pb.Reader(channel_id="x", member_id="bank")),
        InvalidIdentifierError,
    ),
    (changed(kind=0), InvalidRequestError),
    (changed(kind=ED), InvalidRequestError),
    (changed(salt=b"x" * 15), InvalidRequestError),
    (changed(salt=b"x" * 65), InvalidRequestError),
    (changed(signature=b"x"), InvalidRequestError),
    (WANG.consent(recorder="nobody"), MemberNotFoundError),
    (WANG.consent(valid_until=NOW), errors.GrantPastError),
    (WANG.consent(consent_id=9, previous_version=1), errors.ConsentNotFoundError),
    (
        WANG.consent(signed_time=NOW - STATEMENT_AGE_S_MAX - 1),
        errors.StatementTimeError,
    ),
    (
        WANG.consent(signed_time=NOW + STATEMENT_AHEAD_S_MAX + 1),
        errors.StatementTimeError,
    ),
    (changed(salt=bytes(32)), errors.PseudonymError),
    (changed(public_key=ELSE.public_key), errors.PseudonymError),
    (WANG.consent(subject=ELSE.pseudonym), errors.PseudonymError),
    (WANG.consent(signed={"fields": []}), errors.SubjectSignatureError),
    (WANG.consent(signed={"purpose": "audit"}), errors.SubjectSignatureError),
    (WANG.consent(signed={"recorder": "court"}), errors.SubjectSignatureError),
    (WANG.consent(signed={"valid_until": 0}), errors.SubjectSignatureError),
    (
        WANG.consent(signed={"reader": pb.Reader(member_id="bank")}),
        errors.SubjectSignatureError,
    ),
    (WANG.consent(zone="chongqing-1"), errors.SubjectSignatureError),
    (changed(signature=bytes(64)), errors.SubjectSignatureError),
    *((signed_by_a_small_key(key), errors.SubjectSignatureError) for key in SMALL),
]


@pytest.mark.parametrize(("message", "error"), REFUSALS)
def test_consent_is_refused_and_writes_nothing(
    message: Any, error: type[HuitongError]
) -> None:
    zone = new_zone()
    before = zone.state.dump()
    with pytest.raises(error):
        zone.run(message)
    assert zone.state.dump() == before


@pytest.mark.parametrize("key", SMALL)
def test_small_keys_would_sign_everything(key: bytes) -> None:
    """What the refusal of such keys is for: the rules of ZIP-215 take this signature."""
    assert is_signed(key, b"any words", NOBODY_SIGNED)


@pytest.mark.parametrize(
    "signed_time", [NOW - STATEMENT_AGE_S_MAX, NOW, NOW + STATEMENT_AHEAD_S_MAX]
)
def test_consent_is_brought_within_a_month(signed_time: int) -> None:
    assert consent_of(new_zone(WANG.consent(signed_time=signed_time))).version == 1


def test_statement_is_used_once_even_after_its_withdrawal() -> None:
    zone = new_zone(WANG.consent())
    with pytest.raises(errors.StatementUsedError):
        zone.run(WANG.consent())
    zone.run(WANG.withdrawal())
    with pytest.raises(errors.StatementUsedError):
        zone.run(WANG.consent())
    again = zone.run(WANG.consent(signed_time=NOW + 1))
    assert (again.consent_id, again.version) == (2, 1)


# --- versions -------------------------------------------------------------------------


def test_new_version_replaces_and_the_old_one_stays_readable() -> None:
    zone = new_zone(WANG.consent())
    wider = WANG.consent(
        consent_id=1,
        previous_version=1,
        fields=["amount", "buyer"],
        signed_time=NOW + 1,
    )
    assert zone.run(wider).version == 2
    assert list(consent_of(zone).fields) == ["amount", "buyer"]
    assert list(consent_of(zone, version=1).fields) == ["amount"]
    assert consent_of(zone, version=2) == consent_of(zone)
    with pytest.raises(errors.ConsentNotFoundError):
        consent_of(zone, version=3)


def test_subject_signs_over_what_an_officer_captured() -> None:
    zone = new_zone(captured())
    zone.run(WANG.consent(consent_id=1, previous_version=1))
    assert consent_of(zone).HasField("signature")
    with pytest.raises(errors.ConsentSignedError):
        zone.run(captured(consent_id=1, previous_version=2))


def test_new_version_of_something_else_is_refused() -> None:
    zone = new_zone(captured())
    refused: list[tuple[Any, type[HuitongError]]] = [
        (captured(consent_id=1), errors.ConsentVersionError),
        (captured(consent_id=1, previous_version=2), errors.ConsentVersionError),
        (
            captured(consent_id=1, previous_version=1, subject=ELSE.pseudonym),
            errors.ConsentSubjectError,
        ),
        (
            captured(consent_id=1, previous_version=1, signer=address_of("other")),
            errors.ConsentSubjectError,
        ),
        (
            ELSE.consent(consent_id=1, previous_version=1),
            errors.ConsentSubjectError,
        ),
        (captured(previous_version=1), InvalidRequestError),
    ]
    for message, error in refused:
        with pytest.raises(error):
            zone.run(message)
    zone.run(pb.MsgWithdrawConsent(signer=address_of("holder"), consent_id=1))
    with pytest.raises(errors.WithdrawnError):
        zone.run(captured(consent_id=1, previous_version=1))


def test_versions_of_a_consent_are_bounded() -> None:
    zone = new_zone(captured())
    ctx = zone.context()
    full = consent_of(zone)
    full.version = CONSENT_VERSIONS_MAX
    grants.state.save_consent(ctx, full)
    zone.take(ctx)
    with pytest.raises(errors.ConsentVersionError):
        zone.run(captured(consent_id=1, previous_version=CONSENT_VERSIONS_MAX))


# --- withdrawal -----------------------------------------------------------------------


def test_subject_withdraws_what_an_officer_captured() -> None:
    zone = new_zone(captured())
    zone.run(WANG.withdrawal(signed_time=0))
    assert consent_of(zone).withdrawn
    with pytest.raises(errors.WithdrawnError):
        zone.run(WANG.withdrawal())


def test_recorder_withdraws_what_a_subject_signed() -> None:
    zone = new_zone(WANG.consent())
    zone.run(pb.MsgWithdrawConsent(signer=address_of("holder"), consent_id=1))
    assert not consent_of(zone).HasField("withdrawal")
    assert consent_of(zone).withdrawn_time == zone.time_ns


def wrong_words() -> pb.MsgSubmitWithdrawal:
    message = WANG.withdrawal()
    message.reason = "other words"
    return message


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (WANG.withdrawal(2), errors.ConsentNotFoundError),
        (WANG.withdrawal(reason="\n"), InvalidRequestError),
        (WANG.withdrawal(signed_time=-1), InvalidRequestError),
        (ELSE.withdrawal(), errors.PseudonymError),
        (wrong_words(), errors.SubjectSignatureError),
        (
            pb.MsgSubmitWithdrawal(signer=ANYBODY, consent_id=1),
            InvalidRequestError,
        ),
    ],
)
def test_withdrawal_is_refused(message: Any, error: type[HuitongError]) -> None:
    zone = new_zone(WANG.consent())
    with pytest.raises(error):
        zone.run(message)
    assert not consent_of(zone).withdrawn


# --- grants that hang on a consent ----------------------------------------------------


def test_withdrawal_ends_every_grant_that_hangs_on_it() -> None:
    zone = new_zone(
        WANG.consent(valid_until=0), hanging_grant(), hanging_grant(), hanging_grant()
    )
    zone.run(
        pb.MsgWithdrawGrant(signer=address_of("holder"), grant_id=2, reason="sold")
    )
    zone.run(WANG.withdrawal())
    told = [item["grant_id"] for item in zone.told("grant_withdrawn")]
    assert told == ["1", "3"]
    assert zone.told("consent_withdrawn")[0]["grants_ended"] == "2"
    for grant_id in (1, 3):
        found = grants.get_grant(zone.context(), grant_id)
        assert (found.withdrawn, found.withdrawn_reason) == (True, "consent-withdrawn")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"consent_id": 9}, errors.ConsentNotFoundError),
        ({"signer": address_of("other")}, errors.ConsentNotUsableError),
        ({"purpose": "audit"}, errors.ConsentNotUsableError),
        ({"reader": pb.Reader(member_id="bank")}, errors.ConsentNotUsableError),
        ({"grade_min": "sure"}, InvalidRequestError),
        ({"legal_basis": "\n"}, InvalidRequestError),
        ({"term_max": 2**40}, InvalidRequestError),
    ],
)
def test_grant_that_cannot_hang_is_refused(
    changes: dict[str, Any], error: type[HuitongError]
) -> None:
    zone = new_zone(captured())
    with pytest.raises(error):
        zone.run(hanging_grant(**changes))


def test_grant_on_a_withdrawn_consent_is_refused() -> None:
    zone = new_zone(WANG.consent(), WANG.withdrawal())
    with pytest.raises(errors.ConsentNotUsableError, match="withdrawn"):
        zone.run(hanging_grant())


def test_grants_on_a_consent_are_bounded_and_make_room() -> None:
    zone = new_zone(captured())
    for number in range(GRANTS_PER_CONSENT_MAX):
        zone.run(hanging_grant(record_type=f"tax.t{number}"))
    with pytest.raises(errors.ConsentFullError):
        zone.run(hanging_grant())
    zone.run(pb.MsgWithdrawGrant(signer=address_of("holder"), grant_id=5))
    zone.run(hanging_grant())


# --- queries and genesis --------------------------------------------------------------


def test_subject_sees_its_consents_in_pages() -> None:
    zone = new_zone(
        captured(), ELSE.consent(), WANG.consent(), WANG.consent(signed_time=NOW + 1)
    )
    zone.run(WANG.withdrawal(3))

    def page(after: int) -> pb.QueryConsentsResponse:
        request = pb.QueryConsentsRequest(
            subject=WANG.pseudonym, start_after=after, limit=2
        )
        answer: pb.QueryConsentsResponse = zone.query(f"{QUERY}/Consents", request)
        return answer

    first = page(0)
    assert [item.consent_id for item in first.consents] == [1, 3]
    assert [item.consent_id for item in page(first.next).consents] == [4]
    with pytest.raises(InvalidRequestError):
        zone.query(f"{QUERY}/Consents", pb.QueryConsentsRequest(subject=b"x"))


def test_an_export_makes_the_same_state_again() -> None:
    zone = new_zone(
        WANG.consent(valid_until=0),
        WANG.consent(consent_id=1, previous_version=1, valid_until=0),
        ELSE.consent(),
        hanging_grant(),
        ELSE.withdrawal(2),
    )
    again = MemoryZone(MODULES, genesis=zone.export())
    assert again.export() == zone.export()
    assert again.state.dump() == zone.state.dump()
    with pytest.raises(errors.StatementUsedError):
        again.run(WANG.consent(valid_until=0))


def spoiled(name: str, **changes: Any) -> dict[str, Any]:
    zone = new_zone(
        WANG.consent(valid_until=0),
        WANG.consent(consent_id=1, previous_version=1, valid_until=0),
        hanging_grant(),
    )
    genesis = zone.export()
    genesis["grants"][name][0].update(changes)
    return genesis


@pytest.mark.parametrize(
    "genesis",
    [
        spoiled("consents", version=0),
        spoiled("consents", version=1),
        spoiled("consents", withdrawn=True),
        spoiled("consents", consent_id="7"),
        spoiled("old_consents", version=2),
        spoiled("old_consents", recorder="court"),
        spoiled("old_consents", signature={}),
        spoiled("grants", grade_min="sure"),
        spoiled("grants", consent_id="7"),
    ],
)
def test_genesis_with_a_mistake_is_refused(genesis: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone(MODULES, genesis=genesis)
