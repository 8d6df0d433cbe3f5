"""Methods about consensus: evidence, and the state of a vote of one.

One process decides every block by itself, so ``consensus_state`` shows what CometBFT shows
between two blocks: the next height, round 0, nothing proposed, and the votes for the block
before.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from huitong.core.errors import HuitongError
from huitong.core.time import format_rfc3339
from huitong.engines.embedded.chain_state import ChainState, decode_validator_set
from huitong.light.tendermint.commit import BlockIdFlag, Commit
from huitong.light.tendermint.errors import InvalidEvidenceError
from huitong.light.tendermint.evidence import Evidence, vote_in_commit
from huitong.light.tendermint.rpc_json import validator_to_json
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.node.rpc.calls import Method
from huitong.node.rpc.errors import EvidenceError
from huitong.node.rpc.evidence_json import vote_text
from huitong.node.rpc.params import Kind, Param
from huitong.node.rpc.served import Served
from huitong.storage.blocks import find_validators_row

_NO_VOTE: Final = "nil-Vote"
#: ``RoundStepNewHeight``: waiting for the next height to begin.
_STEP_NEW_HEIGHT: Final = 1


def consensus_methods(served: Served) -> dict[str, Method]:
    """Return the methods about consensus."""
    methods = ConsensusMethods(served)
    return {
        "broadcast_evidence": Method(
            answer=methods.broadcast_evidence,
            params=(Param("evidence", Kind.EVIDENCE),),
            is_async=True,
        ),
        "consensus_state": Method(answer=methods.consensus_state),
        "dump_consensus_state": Method(answer=methods.dump_consensus_state),
    }


class ConsensusMethods:
    """Answers about consensus; each method has the name it is called by."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def broadcast_evidence(
        self, evidence: Evidence | None = None
    ) -> dict[str, Any]:
        """Verify evidence; what is proven goes into the next block."""
        if evidence is None:
            raise EvidenceError(reason="no evidence was provided")
        loop = asyncio.get_running_loop()
        add = self._served.engine.evidence.add
        try:
            await loop.run_in_executor(self._served.executor, add, evidence)
        except InvalidEvidenceError as wrong:
            kind = type(evidence).__name__
            name = f"{kind}{{Height: {evidence.height}}}#{evidence.hash.hex().upper()}"
            raise EvidenceError(
                reason="failed to add evidence: Invalid evidence: "
                f"{wrong.fields['reason']}. Evidence: {name}"
            ) from wrong
        except HuitongError as refused:
            raise EvidenceError(
                reason=f"failed to add evidence: {refused}"
            ) from refused
        return {"hash": base64.b64encode(evidence.hash).decode()}

    def consensus_state(self) -> dict[str, Any]:
        """Where consensus stands, in short."""
        state = self._served.engine.state
        proposer = state.validators.validators[0]
        return {
            "round_state": {
                "height/round/step": f"{state.height + 1}/0/{_STEP_NEW_HEIGHT}",
                "start_time": _vote_time(state),
                "proposal_block_hash": "",
                "locked_block_hash": "",
                "valid_block_hash": "",
                "height_vote_set": [_no_votes(state.validators)],
                "proposer": {"address": proposer.address.hex().upper(), "index": 0},
            }
        }

    def dump_consensus_state(self) -> dict[str, Any]:
        """Where consensus stands, and what this node knows of its peers: none."""
        state = self._served.engine.state
        last = self._last_validators(state)
        nothing = ("proposal", "proposal_block", "proposal_block_parts")
        return {
            "round_state": {
                "height": str(state.height + 1),
                "round": 0,
                "step": _STEP_NEW_HEIGHT,
                "start_time": _vote_time(state),
                "commit_time": _vote_time(state),
                "validators": _set_json(state.validators),
                **dict.fromkeys(nothing),
                "locked_round": -1,
                "locked_block": None,
                "locked_block_parts": None,
                "valid_round": -1,
                "valid_block": None,
                "valid_block_parts": None,
                "votes": [_no_votes(state.validators)],
                "commit_round": -1,
                "last_commit": _last_commit(state.commit, last),
                "last_validators": _set_json(last),
                "triggered_timeout_precommit": False,
            },
            "peers": [],
        }

    def _last_validators(self, state: ChainState) -> ValidatorSet:
        """Return who voted for the newest block."""
        with self._served.reading() as reader:
            row = find_validators_row(reader, state.height)
        return state.validators if row is None else decode_validator_set(row)


def _vote_time(state: ChainState) -> str:
    """Return when the newest block was voted for."""
    if state.commit is None:
        return format_rfc3339(state.time_ns)
    return format_rfc3339(max(sig.timestamp_ns for sig in state.commit.signatures))


def _set_json(validators: ValidatorSet) -> dict[str, Any]:
    members = [validator_to_json(item) for item in validators.validators]
    return {"validators": members, "proposer": members[0]}


def _no_votes(validators: ValidatorSet) -> dict[str, Any]:
    nobody = [_NO_VOTE] * len(validators.validators)
    bits = _bits("_" * len(nobody), 0, validators.total_power)
    return {
        "round": 0,
        "prevotes": nobody,
        "prevotes_bit_array": bits,
        "precommits": nobody,
        "precommits_bit_array": bits,
    }


def _bits(marks: str, power: int, total: int) -> str:
    """Return who voted, and with how much power, in CometBFT's form."""
    hundredths = power * 100 // total
    share = f"{hundredths // 100}.{hundredths % 100:02d}"
    return f"BA{{{len(marks)}:{marks}}} {power}/{total} = {share}"


def _last_commit(
    commit: Commit | None, validators: ValidatorSet
) -> dict[str, Any] | None:
    if commit is None:
        return None
    votes = [
        None if sig.flag is BlockIdFlag.ABSENT else vote_in_commit(commit, index)
        for index, sig in enumerate(commit.signatures)
    ]
    members = validators.validators
    power = sum(
        member.voting_power
        for member, vote in zip(members, votes, strict=True)
        if vote is not None
    )
    marks = "".join("_" if vote is None else "x" for vote in votes)
    return {
        "votes": [vote_text(vote) for vote in votes],
        "votes_bit_array": _bits(marks, power, validators.total_power),
        "peer_maj_23s": {},
    }
