"""Numbers of the protocol as words, for events and texts."""

from __future__ import annotations

from huitong.proto.huitong.governance.v1 import governance_pb2 as pb


def status_name(status: int) -> str:
    """Return a proposal's status as one lower-case word."""
    name = pb.ProposalStatus.Name(status)
    return name.removeprefix("PROPOSAL_STATUS_").lower()


def option_name(option: int) -> str:
    """Return what a member voted as one lower-case word."""
    return pb.VoteOption.Name(option).removeprefix("VOTE_OPTION_").lower()


def weight_rule_name(rule: int) -> str:
    """Return a rule of weights in lower case."""
    return pb.WeightRule.Name(rule).removeprefix("WEIGHT_RULE_").lower()
