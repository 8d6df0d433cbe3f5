"""Policies: what members may decide, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.cel import (
    ExpressionSyntaxError,
    ExpressionTooLargeError,
    ExpressionTypeError,
)
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError
from huitong.core.limits import (
    POLICIES_MAX,
    POLICY_RULES_MAX,
    POLICY_VERSIONS_MAX,
    REVIEW_TERM_S_MAX,
)
from huitong.modules import members, policies
from huitong.modules.policies import errors, judge_by_rules
from huitong.modules.policies.broken_glass import begin_use
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

QUERY = "/huitong.policies.v1.Query"
GRANT, REFUSE, ASK = pb.EFFECT_GRANT, pb.EFFECT_REFUSE, pb.EFFECT_ASK
MODULES = [members.MODULE, policies.MODULE]


def rule(
    condition: str = "request.level > 2", effect: Any = REFUSE, code: str = "level"
) -> pb.Rule:
    return pb.Rule(effect=effect, condition=condition, reason_code=code)


def setting(*rules: pb.Rule, **changes: Any) -> pb.MsgSetPolicy:
    fields: dict[str, Any] = {"record_type": "tax.invoice", "title": "发票"}
    return pb.MsgSetPolicy(rules=rules or (rule(),), **{**fields, **changes})


def removal(**changes: Any) -> pb.MsgRemovePolicy:
    fields = {"record_type": "tax.invoice", "reason": "x", **changes}
    return pb.MsgRemovePolicy(**fields)


def new_zone(*decisions: Any) -> MemoryZone:
    accounts = {"delegate": ("tax", "delegate"), "officer": ("tax", "officer")}
    zone = MemoryZone(MODULES, genesis={"members": members_genesis(accounts)})
    for message in decisions:
        zone.decide(message)
    return zone


def policy_of(zone: MemoryZone, version: int = 0) -> pb.Policy:
    request = pb.QueryPolicyRequest(record_type="tax.invoice", version=version)
    found: pb.Policy = zone.query(f"{QUERY}/Policy", request).policy
    return found


def test_policy_is_kept_told_and_versioned() -> None:
    zone = new_zone(setting(grade_min="signed", break_glass_roles=["officer"]))
    kept = policy_of(zone)
    assert (kept.version, kept.grade_min, kept.changed_height) == (1, "signed", 1)
    told = zone.told("policy_set")[0]
    assert (told["rules"], told["break_glass_roles"]) == ("1", "officer")
    assert int(told["cost_max"]) > 0
    zone.decide(setting(rule("true"), previous_version=1))
    assert policy_of(zone).rules[0].condition == "true"
    assert policy_of(zone, 1) == kept
    zone.decide(removal())
    assert policy_of(zone).removed
    assert zone.told("policy_removed")[0]["version"] == "3"
    zone.decide(setting(previous_version=3))
    assert not policy_of(zone).removed


def test_policy_may_consist_of_a_grade_or_of_roles_alone() -> None:
    for fields in ({"grade_min": "proven"}, {"break_glass_roles": ["officer"]}):
        message = pb.MsgSetPolicy(record_type="tax.invoice", **fields)
        assert new_zone(message)


def test_policies_are_listed_in_pages() -> None:
    zone = new_zone(setting(), setting(record_type="port.bill"))
    first = zone.query(f"{QUERY}/Policies", pb.QueryPoliciesRequest(limit=1))
    assert ([item.record_type for item in first.policies], first.next) == (
        ["port.bill"],
        "port.bill",
    )
    request = pb.QueryPoliciesRequest(start_after=first.next)
    second = zone.query(f"{QUERY}/Policies", request)
    assert [item.record_type for item in second.policies] == ["tax.invoice"]


def test_term_of_reviews_is_decided_on() -> None:
    zone = new_zone(pb.MsgUpdateParams(params=pb.Params(review_term=60)))
    found = zone.query(f"{QUERY}/Params", pb.QueryParamsRequest())
    assert found.params.review_term == 60
    assert zone.told("policy_params_changed")[0]["review_term"] == "60"


def _nothing(zone: MemoryZone) -> None:
    return None


def _in_force(zone: MemoryZone) -> None:
    zone.decide(setting())


def _removed(zone: MemoryZone) -> None:
    _in_force(zone)
    zone.decide(removal())


def _many_types(zone: MemoryZone) -> None:
    ctx = zone.context()
    for index in range(POLICIES_MAX):
        policies.state.save_policy(ctx, pb.Policy(record_type=f"t{index}", version=1))
    zone.take(ctx)


def _many_versions(zone: MemoryZone) -> None:
    ctx = zone.context()
    full = pb.Policy(record_type="tax.invoice", version=POLICY_VERSIONS_MAX)
    policies.state.save_policy(ctx, full)
    zone.take(ctx)


DEAR = "request.fields.all(a, request.fields.all(b, a == b))"
REFUSALS: list[tuple[Any, Any, type[HuitongError]]] = [
    (_nothing, setting(record_type=""), InvalidRequestError),
    (_nothing, setting(title="\n"), InvalidRequestError),
    (_nothing, setting(grade_min="sure"), InvalidRequestError),
    (_nothing, setting(break_glass_roles=["regulator"]), InvalidRequestError),
    (_nothing, setting(break_glass_roles=["officer"] * 2), InvalidRequestError),
    (_nothing, pb.MsgSetPolicy(record_type="tax.invoice"), InvalidRequestError),
    (_nothing, setting(*[rule()] * (POLICY_RULES_MAX + 1)), errors.RuleError),
    (_nothing, setting(rule(effect=0)), errors.RuleError),
    (_nothing, setting(rule(effect=9)), errors.RuleError),
    (_nothing, setting(rule(code="")), errors.RuleError),
    (_nothing, setting(rule(code="No Code")), errors.RuleError),
    (_nothing, setting(rule(code="x" * 58)), errors.RuleError),
    (_nothing, setting(rule("now")), errors.RuleError),
    (_nothing, setting(rule("")), ExpressionSyntaxError),
    (_nothing, setting(rule("true &&")), ExpressionSyntaxError),
    (_nothing, setting(rule("request.price > 2")), ExpressionTypeError),
    (_nothing, setting(rule("true || " * 600 + "true")), ExpressionTooLargeError),
    (_nothing, setting(rule(DEAR)), errors.PolicyCostError),
    (_nothing, setting(previous_version=1), errors.StalePolicyError),
    (_in_force, setting(), errors.StalePolicyError),
    (_removed, setting(previous_version=1), errors.StalePolicyError),
    (_many_types, setting(), errors.TooManyPoliciesError),
    (
        _many_versions,
        setting(previous_version=POLICY_VERSIONS_MAX),
        errors.TooManyPoliciesError,
    ),
    (_in_force, removal(reason=""), InvalidRequestError),
    (_nothing, removal(), errors.PolicyNotFoundError),
    (_removed, removal(), errors.PolicyRemovedError),
    (_nothing, pb.MsgUpdateParams(), errors.ReviewTermError),
    (
        _nothing,
        pb.MsgUpdateParams(params=pb.Params(review_term=REVIEW_TERM_S_MAX + 1)),
        errors.ReviewTermError,
    ),
]


@pytest.mark.parametrize(("prepare", "message", "error"), REFUSALS)
def test_refusals(prepare: Any, message: Any, error: type[HuitongError]) -> None:
    zone = new_zone()
    prepare(zone)
    before = zone.state.dump()
    with pytest.raises(error):
        zone.decide(message)
    assert zone.state.dump() == before


def test_error_names_the_rule() -> None:
    with pytest.raises(ExpressionTypeError, match=r"rule 1: .*request\.price"):
        new_zone(setting(rule(), rule("request.price > 2")))


def test_unknown_policies_and_uses_are_not_found() -> None:
    zone = new_zone(setting())
    with pytest.raises(errors.PolicyNotFoundError):
        policy_of(zone, 2)
    with pytest.raises(errors.UseNotFoundError):
        zone.query(f"{QUERY}/BreakGlassUse", pb.QueryBreakGlassUseRequest(use_id=1))


def test_everything_but_a_review_is_governed() -> None:
    free = [r.request for r in policies.MODULE.messages if not r.governed]
    assert free == [pb.MsgReviewBreakGlass]


def test_rules_are_tried_in_order_and_their_cost_is_told() -> None:
    rules = [rule("now > 5", ASK, "late"), rule("now > 1", GRANT, "early")]
    late = judge_by_rules(rules, {"now": 9})
    assert (late.effect, late.reason_code, late.cost) == (ASK, "policy.late", 3)
    early = judge_by_rules(rules, {"now": 3})
    assert (early.effect, early.reason_code, early.cost) == (GRANT, "policy.early", 6)
    silent = judge_by_rules(rules, {"now": 0})
    assert (silent.effect, silent.reason_code) == (pb.EFFECT_UNSPECIFIED, "")
    lost = judge_by_rules(rules, {})
    assert (lost.effect, lost.reason_code) == (REFUSE, "policy-error")
    assert lost.error == "now is absent"


def broken(zone: MemoryZone, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "user": "tax",
        "used_by": address_of("officer"),
        "issuer": "tax",
        "record_id": "inv-1",
        "record_type": "tax.invoice",
        "channel_id": "channel-0",
        "sequence": 1,
        "requester": "bank",
        "reason": "x",
    }
    ctx = zone.context()
    begin_use(ctx, pb.BreakGlassUse(**{**fields, **changes}))
    zone.take(ctx)


def test_uses_are_listed_by_user_and_by_what_waits() -> None:
    zone = new_zone()
    for user in ("tax", "court", "tax"):
        broken(zone, user=user)
    zone.run(
        pb.MsgReviewBreakGlass(
            signer=address_of("delegate"), use_id=1, justified=True, reason="x"
        )
    )

    def listed(**fields: Any) -> list[int]:
        request = pb.QueryBreakGlassUsesRequest(**fields)
        found = zone.query(f"{QUERY}/BreakGlassUses", request)
        return [use.use_id for use in found.uses]

    assert listed() == [1, 2, 3]
    assert listed(user="tax") == [1, 3]
    assert listed(unreviewed=True) == [2, 3]
    assert listed(user="tax", unreviewed=True, start_after=1) == [3]
    request = pb.QueryBreakGlassUsesRequest(limit=1)
    assert zone.query(f"{QUERY}/BreakGlassUses", request).next == 1


def test_an_export_makes_the_same_state_again() -> None:
    zone = new_zone(setting(), setting(rule("true"), previous_version=1))
    zone.decide(setting(record_type="port.bill"))
    zone.decide(removal(record_type="port.bill"))
    zone.decide(pb.MsgUpdateParams(params=pb.Params(review_term=60)))
    broken(zone)
    broken(zone, user="channel-0/bank")
    zone.next_block(seconds=60)
    broken(zone)
    assert policies.get_use(zone.context(), 1).status == pb.USE_STATUS_OVERDUE
    exported = zone.export()
    again = MemoryZone(MODULES, genesis=exported)
    assert again.export() == exported
    assert again.state.dump() == zone.state.dump()


def test_overdue_uses_are_marked_some_in_each_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policies.broken_glass, "OVERDUE_PER_BLOCK_MAX", 2)
    zone = new_zone()
    for _ in range(3):
        broken(zone)
    zone.next_block(seconds=259_200)
    assert len(zone.told("review_overdue")) == 2
    zone.next_block()
    assert [item["use_id"] for item in zone.told("review_overdue")] == ["3"]


def _policy(**fields: Any) -> dict[str, Any]:
    return {"record_type": "t", "version": "1", "grade_min": "signed", **fields}


def _use(**fields: Any) -> dict[str, Any]:
    return {
        "use_id": "1",
        "user": "tax",
        "issuer": "tax",
        "record_id": "inv-1",
        "record_type": "t",
        "channel_id": "channel-0",
        "reason": "x",
        "status": "USE_STATUS_OPEN",
        "review_due": "1",
        **fields,
    }


@pytest.mark.parametrize(
    "state",
    [
        {"unknown": []},
        {"params": {"review_term": "0"}},
        {"params": []},
        {"policies": [_policy(grade_min="sure")]},
        {"policies": [_policy(version="2")]},
        {"policies": [_policy(), _policy()]},
        {"policies": [_policy(removed=True)]},
        {"policies": [_policy(record_type="Bad", removed=True, grade_min="")]},
        {"policies": [_policy(rules=[{"condition": "true"}])]},
        {"uses": [_use(), _use()]},
        {"uses": [_use(use_id="0")]},
        {"uses": [_use(issuer="nobody")]},
        {"uses": [_use(status="USE_STATUS_UNSPECIFIED")]},
        {"uses": [_use(status="USE_STATUS_JUSTIFIED")]},
        {"uses": [_use(reviewed_by="x")]},
        {"uses": [_use(review_due="0")]},
        {"uses": [_use(channel_id="x")]},
        {"uses": [_use()], "next_use_id": "1"},
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    accounts = {"officer": ("tax", "officer")}
    genesis = {"members": members_genesis(accounts), "policies": state}
    with pytest.raises(GenesisError):
        MemoryZone(MODULES, genesis=genesis)
