"""A gateway that reads a zone through its queries judges a request as the zone does."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.abci import QueryResult
from huitong.core.gas import GasMeter
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.policy_point import PolicyPoint
from huitong.modules.exchange import policy
from huitong.modules.exchange.facts import Facts
from huitong.modules.exchange.standing import decide_request, judge_standing
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.exchanges import (
    FIELDS,
    OFFICER,
    PURPOSE,
    SUBJECT,
    ExchangePair,
    open_exchange,
)
from huitong.testing.zones import SimZone

POLICIES: list[list[tuple[str, str, str]]] = [
    [],
    [("refuse", "request.purpose == 'marketing'", "purpose")],
    [("grant", "request.emergency && !grant.present", "rescue")],
    [("ask", "request.level > 2", "look"), ("grant", "grant.count_left > 1", "many")],
    [
        ("refuse", "!consent.present && record.has_subject", "no-consent"),
        ("grant", "'amount' in consent.fields && consent.until > now", "consent"),
    ],
    [("grant", "request.term_until - now < 100 && request.legal_basis != ''", "short")],
]
SUBSETS = st.lists(st.sampled_from(FIELDS), max_size=3, unique=True).map(sorted)
RECORDS = st.fixed_dictionaries(
    {"share_class": st.sampled_from([1, 2, 2, 2, 3])},
    optional={
        "field_levels": st.sampled_from([[1, 2, 3, 4], [4, 4, 4, 4], [3, 1, 4, 1]]),
        "valid_until": st.just(2**32),
    },
)
GRANTS = st.lists(
    st.fixed_dictionaries(
        {"purpose": st.sampled_from([PURPOSE, PURPOSE, "audit"])},
        optional={
            "fields": SUBSETS,
            "count_max": st.integers(1, 2),
            "consent_required": st.booleans(),
            "consent_id": st.just(1),
            "legal_basis": st.sampled_from(["law 1", "contract 7"]),
            "term_max": st.just(50),
            "grade_min": st.sampled_from(["signed", "proven"]),
        },
    ),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "purpose": st.sampled_from([PURPOSE, "audit", "marketing"]),
        "fields": SUBSETS,
        "consent_id": st.sampled_from([1, 2]),
        "version": st.sampled_from([1, 2]),
        "legal_basis": st.sampled_from(["law 1", ""]),
        "term_until": st.sampled_from([2**31, 2**33]),
        "emergency": st.just(True),
        "issuer": st.sampled_from(["tax", "court"]),
    },
)
PARAMS = st.fixed_dictionaries(
    {"ask_officer": st.booleans(), "level_max": st.integers(1, 4)},
    optional={
        "client_levels": st.sampled_from(
            [[{"client_id": "07-tendermint-0", "level_max": 1}]]
        )
    },
)


class Gateway:
    """Knows the zone by what its queries answer, and by nothing else."""

    def __init__(self, zone: SimZone) -> None:
        self._routes = {
            route.path: route for module in zone.modules for route in module.queries
        }
        self._zone = zone

    def ask(self, path: str, request: Any) -> Any:
        return self._routes[path].answer(self._zone.context(), request)

    def facts(self, channel_id: str, client_id: str, request: Any) -> Facts:
        header = self.ask(
            "/huitong.records.v1.Query/Record",
            records_pb2.QueryRecordRequest(
                issuer=request.issuer,
                record_id=request.record_id,
                version=request.version,
            ),
        ).record
        member = self.ask(
            "/huitong.members.v1.Query/Member",
            members_pb2.QueryMemberRequest(member_id=header.issuer),
        ).member
        grants = self.grants(header, channel_id, request)
        return Facts(
            request=request,
            channel_id=channel_id,
            client_id=client_id,
            now_s=self._zone.time_ns // NS_PER_SECOND,
            params=self.ask(
                "/huitong.exchange.v1.Query/Params", pb.QueryParamsRequest()
            ).params,
            header=header,
            issuer_in_force=member.status == members_pb2.MEMBER_STATUS_ACTIVE,
            policy=self.policy(header.record_type),
            grants=grants,
            consents=self.consents(
                {request.consent_id, *(g.consent_id for g in grants)}
            ),
        )

    def policy(self, record_type: str) -> policies_pb2.Policy | None:
        asked = policies_pb2.QueryPoliciesRequest()
        found = self.ask("/huitong.policies.v1.Query/Policies", asked).policies
        held = [item for item in found if item.record_type == record_type]
        return held[0] if held and not held[0].removed else None

    def grants(self, header: Any, channel_id: str, request: Any) -> list[Any]:
        asked = grants_pb2.QueryGrantsRequest(holder=header.issuer)
        found = self.ask("/huitong.grants.v1.Query/Grants", asked).grants
        reader = grants_pb2.Reader(channel_id=channel_id, member_id=request.requester)
        mine = [g for g in found if (g.reader, g.purpose) == (reader, request.purpose)]
        ofrecord = [g for g in mine if g.record_id == header.record_id]
        oftype = [
            g for g in mine if not g.record_id and g.record_type == header.record_type
        ]
        return [*ofrecord, *oftype]

    def consents(self, numbers: set[int]) -> dict[int, Any]:
        held = {}
        for number in sorted(numbers):
            if number == 1:  # the only one there is
                asked = grants_pb2.QueryConsentRequest(consent_id=number)
                found = self.ask("/huitong.grants.v1.Query/Consent", asked)
                held[number] = found.consent
        return held


def prepared(
    params: dict[str, Any],
    record: dict[str, Any],
    rules: list[tuple[str, str, str]],
    given_grants: list[dict[str, Any]],
) -> ExchangePair:
    pair = open_exchange(params)
    level = max(record.get("field_levels", [2]))
    pair.publish(**{**record, "level": level})
    pair.a.deliver(
        grants_pb2.MsgRecordConsent(
            signer=OFFICER,
            subject=SUBJECT,
            reader=pair.reader(),
            purpose=PURPOSE,
            fields=["amount", "buyer"],
            evidence_digest=bytes(32),
            valid_until=2**32,
        )
    )
    if rules:
        pair.set_policy(*rules, grade_min="signed")
    for fields in given_grants:
        if fields["purpose"] != PURPOSE:  # the consent is for another purpose
            fields = {**fields, "consent_id": 0}
        pair.grant(**fields)
    return pair


@settings(max_examples=150, deadline=None)
@given(PARAMS, RECORDS, st.sampled_from(POLICIES), GRANTS, REQUESTS)
def test_gateway_and_zone_judge_alike(
    params: dict[str, Any],
    record: dict[str, Any],
    rules: list[tuple[str, str, str]],
    given_grants: list[dict[str, Any]],
    asked: dict[str, Any],
) -> None:
    pair = prepared(params, record, rules, given_grants)
    if asked.get("emergency"):
        asked = {**asked, "emergency_reason": "a patient"}
    request = pb.RequestPacket(
        **{
            "requester": "bank",
            "reader_key": bytes(32),
            "issuer": "tax",
            "record_id": "inv-1",
            "purpose": PURPOSE,
            "legal_basis": "contract 7",
            **asked,
        }
    )
    channel_id = pair.path.a.channel_id
    ctx = pair.a.context()
    ctx.gas = GasMeter(None)
    on_chain = policy.judge(ctx, channel_id, request)
    if on_chain.reason_code == "unknown-record":
        return
    gateway = Gateway(pair.a)
    facts = gateway.facts(channel_id, "07-tendermint-0", request)
    assert policy.decide(facts) == on_chain


class StateNode:
    """A node of the zone, as far as a gateway's policy point asks it."""

    def __init__(self, zone: SimZone) -> None:
        self._zone = zone

    async def abci_query(self, path: str, data: bytes) -> QueryResult:
        _, store, _ = path.split("/")
        value = self._zone.context().store(store).get(data)
        return QueryResult(
            code=0,
            codespace="",
            log="",
            key=data,
            value=value or b"",
            height=1,
            proof_ops=(),
        )

    async def query(self, path: str, request: Any, response: Any) -> Any:
        return Gateway(self._zone).ask(path, request)


@settings(max_examples=150, deadline=None)
@given(PARAMS, RECORDS, st.sampled_from(POLICIES), GRANTS, REQUESTS, st.booleans())
def test_policy_point_that_reads_the_state_judges_as_the_zone_does(
    params: dict[str, Any],
    record: dict[str, Any],
    rules: list[tuple[str, str, str]],
    given_grants: list[dict[str, Any]],
    asked: dict[str, Any],
    standing: bool,
) -> None:
    pair = prepared(params, record, rules, given_grants)
    request = pb.RequestPacket(
        **{
            "requester": "bank",
            "reader_key": bytes(32),
            "issuer": "tax",
            "record_id": "inv-1",
            "purpose": PURPOSE,
            "legal_basis": "contract 7",
            **asked,
        }
    )
    if standing:
        request.standing, request.version = True, 0
        request.record_id, request.record_type = "", "tax.invoice"
    channel_id = pair.path.a.channel_id
    ctx = pair.a.context()
    ctx.gas = GasMeter(None)
    judge = judge_standing if standing else policy.judge
    on_chain = judge(ctx, channel_id, request)
    node: Any = StateNode(pair.a)
    point = PolicyPoint(node, clock=lambda: pair.a.time_ns)

    async def read() -> Facts:
        client_id = await point.client_of(channel_id)
        assert client_id == "07-tendermint-0"
        return await point.facts_of(channel_id, request)

    assert decide_request(asyncio.run(read())) == on_chain
