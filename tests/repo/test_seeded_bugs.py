"""The tests behind the promises notice what they are there to notice.

Each row is a bug that is put into a copy of the source; the named test must turn red with
it. docs/explanation/promises.md names the same tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "huitong"
#: What pytest ends with if tests ran and some failed.
_TESTS_FAILED = 1
#: One test, in the order of its file, stopping at the first failure, heavy ones too.
_PYTEST = (
    "-m",
    "pytest",
    "-qx",
    # What is drawn is the same in every run: a bug that is noticed today is tomorrow.
    "--hypothesis-seed=1",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-m",
    "",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One change that must not go unnoticed."""

    name: str
    """What goes wrong, as the page of promises says it."""
    file: str
    """File below the source folder."""
    right: str
    """Text in it, once."""
    wrong: str
    """What stands there instead."""
    test: str
    """Test that turns red."""


BUGS = (
    Bug(
        name="a block is written in two transactions",
        file="storage/nodes.py",
        right="                for table, rows in batch.rows.items():\n",
        wrong="            with self._environment.begin_write() as txn:\n"
        "                for table, rows in batch.rows.items():\n",
        test="tests/crash/test_store_faults.py::test_failure_at_every_row_keeps_whole_blocks",
    ),
    Bug(
        name="a snapshot is taken across two heights",
        file="modules/history/snapshot.py",
        right="view.iterate_rows(HEADERS_TABLE, begin, end))",
        wrong="view.iterate_rows(HEADERS_TABLE, begin, None))",
        test="tests/unit/snapshots/test_making.py::test_snapshot_of_an_older_version_is_the_one_made_then",
    ),
    Bug(
        name="a chunk is kept before its hash is checked",
        file="engines/cometbft/state_sync.py",
        right="if not taken.is_chunk(index, chunk):",
        wrong="if index > taken.next_index:",
        test="tests/unit/snapshots/test_state_sync.py::test_wrong_chunk_is_asked_for_again_from_somebody_else",
    ),
    Bug(
        name="a restore that was cut off counts as a state",
        file="core/store/multistore.py",
        right="if self._latest.get(META, RESTORING_KEY) is not None:",
        wrong='if self._latest.get(META, RESTORING_KEY) == b"":',
        test="tests/crash/test_restore_faults.py::test_failure_at_any_row_of_a_restore_leaves_nothing",
    ),
    Bug(
        name="blocks are removed that a joining node needs",
        file="engines/cometbft/retaining.py",
        right="return max(0, min([lowest, *snapshot_heights]))",
        wrong="return max(0, lowest)",
        test="tests/unit/snapshots/test_making.py::test_blocks_stay_as_long_as_somebody_may_need_them",
    ),
    Bug(
        name="the writes of a block have no fixed order",
        file="core/store/kv.py",
        right="return sorted(self._pending.items(), key=_key_of)",
        wrong="return sorted(self._pending.items(), key=hash)",
        test="tests/property/test_links_determinism.py::test_app_hashes_do_not_depend_on_the_environment",
    ),
    Bug(
        name="a packet is received again",
        file="modules/links/handlers/recv_packet.py",
        right="return state.has_receipt(store, port_id, channel_id, packet.sequence)",
        wrong="return False",
        test="tests/unit/links/test_packets.py::test_packet_received_again_is_a_no_op_without_events",
    ),
    Bug(
        name="signatures of validators are not verified",
        file="light/tendermint/verify.py",
        right="if not is_signed(validator.public_key, message, sig.signature):",
        wrong="if not sig.signature:",
        test="tests/byzantine/test_header_forgeries.py::test_forged_header_is_refused_and_nothing_is_written",
    ),
    Bug(
        name="exactly two thirds of the power are enough",
        file="light/tendermint/verify.py",
        right="        if power <= needed:\n            raise InsufficientPowerError(",
        wrong="        if power < needed:\n            raise InsufficientPowerError(",
        test="tests/byzantine/test_header_forgeries.py::test_power_needs_to_exceed_two_thirds",
    ),
    Bug(
        name="a proof of one value proves another",
        file="core/store/ics23/verify.py",
        right="    if exist.value != value:\n",
        wrong="    if not value:\n",
        test="tests/unit/store/test_recorded_proofs.py::test_claiming_anything_else_is_refused",
    ),
    Bug(
        name="a proof chooses how its leaf is hashed",
        file="core/store/ics23/verify.py",
        right="if (leaf.hash, leaf.prehash_key, leaf.prehash_value, leaf.length) "
        "!= rules.leaf:",
        wrong="if leaf.hash != rules.leaf[0]:",
        test="tests/unit/store/test_leaf_operations.py::test_leaf_operations_of_the_proof_make_no_other_pair_true",
    ),
    Bug(
        name="absence is proven by neighbours that are not side by side",
        file="core/store/ics23/verify.py",
        right="    _check_adjacent(rules, absence, has_left, has_right)\n",
        wrong="",
        test="tests/property/test_store_proofs.py::test_absence_is_proven_by_true_neighbours_only",
    ),
    Bug(
        name="misbehaviour does not freeze",
        file="modules/links/handlers/update_client.py",
        right="    light_client.freeze(store, client_id)\n",
        wrong="",
        test="tests/unit/links/test_clients.py::test_two_headers_of_one_height_freeze_the_client_at_once",
    ),
    Bug(
        name="a client lives one nanosecond longer",
        file="light/tendermint/verify.py",
        right="return time_ns + trusting_period_ns <= now_ns",
        wrong="return time_ns + trusting_period_ns < now_ns",
        test="tests/byzantine/test_header_forgeries.py::test_client_is_active_until_one_nanosecond_before_expiry",
    ),
    Bug(
        name="an acknowledged packet can still time out",
        file="modules/links/handlers/acknowledge_packet.py",
        right="    state.delete_commitment(store, port_id, channel_id, packet.sequence)\n",
        wrong="",
        test="tests/property/test_links_scheduler.py",
    ),
    Bug(
        name="a node starts with another state than its chain commits to",
        file="engines/embedded/chain.py",
        right="            if actual != expected:\n                raise StateDivergedError(",
        wrong="            if actual is None:\n                raise StateDivergedError(",
        test="tests/unit/engines/test_engine.py::test_record_that_contradicts_the_chain_stops_the_start",
    ),
    Bug(
        name="bytes in another form are taken",
        file="core/codec.py",
        right="if message.SerializeToString(deterministic=True) != data:",
        wrong="if len(message.SerializeToString(deterministic=True)) > len(data):",
        test="tests/unit/core/test_codec.py::test_another_form_is_rejected",
    ),
    Bug(
        name="the relayer sends what the other zone has received",
        file="relayer/plan.py",
        right="if sequence in lane.received or (sequence < expected and lane.is_ordered):",
        wrong="if sequence < expected and lane.is_ordered:",
        test="tests/unit/relayer/test_plan.py::test_relayer_killed_anywhere_settles_every_packet_and_repeats_nothing",
    ),
    Bug(
        name="a withdrawn grant still covers",
        file="modules/grants/coverage.py",
        right='    if grant.withdrawn:\n        return "grant-withdrawn"\n',
        wrong="",
        test="tests/unit/exchange/test_exchange_flow.py::test_withdrawn_grant_covers_nothing_from_the_same_block_on",
    ),
    Bug(
        name="a condition without a value is passed over",
        file="modules/policies/rules.py",
        right="            return Judgement(\n                effect=REFUSE, reason_code=ERROR_CODE, cost=cost, error=outcome.error\n            )\n",
        wrong="            continue\n",
        test="tests/unit/exchange/test_exchange_policy.py::test_condition_without_a_value_refuses",
    ),
    Bug(
        name="a grant outlives the consent that it hangs on",
        file="modules/grants/consents.py",
        right="        stop_grant(ctx, grant, _CONSENT_WITHDRAWN)\n",
        wrong="        pass\n",
        test="tests/unit/grants/test_signed_consents.py::test_withdrawal_ends_every_grant_that_hangs_on_it",
    ),
    Bug(
        name="a signed consent is brought again after its withdrawal",
        file="modules/grants/consents.py",
        right="    check_unused(ctx, statement)\n",
        wrong="",
        test="tests/unit/grants/test_signed_consents.py::test_statement_is_used_once_even_after_its_withdrawal",
    ),
    Bug(
        name="glass is broken again before a review",
        file="modules/policies/state.py",
        right="        return use if use.review_due <= ctx.block.time_ns else None\n",
        wrong="        return None\n",
        test="tests/unit/exchange/test_exchange_policy.py::test_overdue_review_is_told_and_blocks_the_next_use",
    ),
    Bug(
        name="a record that is handed over is not locked",
        file="modules/exchange/hand_over_messages.py",
        right="    lock_record(ctx, head.issuer, head.record_id, msg.reason)\n",
        wrong="    lock_record\n",
        test="tests/unit/exchange/test_hand_overs.py::test_nothing_is_changed_or_shared_while_the_record_is_locked",
    ),
    Bug(
        name="an answer that is no decision leaves the record locked",
        file="modules/exchange/hand_overs.py",
        right="    _fail(ctx, hand_over, pb.HAND_OVER_STATUS_FAILED, ",
        wrong="    print(hand_over.status, ",
        test="tests/unit/exchange/test_hand_overs.py::test_garbage_of_a_hostile_zone_unlocks_the_record",
    ),
    Bug(
        name="a version that is under way is pushed again",
        file="modules/exchange/pushes.py",
        right="    if push.status not in _NOT_ARRIVED:",
        wrong="    if push.status in ():",
        test="tests/unit/exchange/test_subscriptions.py::test_version_that_may_have_arrived_is_not_pushed_again",
    ),
    Bug(
        name="a standing permission outlives its grant",
        file="modules/exchange/standing.py",
        right="    if grant is not None and grant.withdrawn:",
        wrong="    if grant is not None and grant.grant_id < 0:",
        test="tests/unit/exchange/test_subscriptions.py::test_push_whose_ground_is_gone_ends_the_permission_in_both_zones",
    ),
    Bug(
        name="fields are not compared with the digest on chain",
        file="core/commitment.py",
        right="    if actual != root:\n        raise DisclosureMismatchError",
        wrong="    if not actual:\n        raise DisclosureMismatchError",
        test="tests/unit/core/test_commitment.py::test_another_value_salt_name_or_leaf_is_refused",
    ),
    Bug(
        name="a bundle in another form is taken",
        file="evidence/container.py",
        right="if encode_container(entries) != data:",
        wrong="if not entries:",
        test="tests/unit/evidence/test_container.py::test_other_archives_are_refused",
    ),
    Bug(
        name="a recovered client believes what it knew before",
        file="light/tendermint/client_store.py",
        right="    if state is None or height <= floor:\n",
        wrong="    if state is None or height < floor:\n",
        test="tests/unit/light/test_client_life.py::test_headers_known_before_a_recovery_lead_to_no_others",
    ),
    Bug(
        name="two freezes take over the zone",
        file="modules/consensus/state.py",
        right="if 3 * left >= 2 * (left + sum(frozen.values())):",
        wrong="if left:",
        test="tests/unit/consensus/test_consensus.py::test_freezes_never_take_more_than_a_third_of_the_power",
    ),
    Bug(
        name="software makes blocks after an upgrade that it does not know",
        file="modules/upgrades/blocks.py",
        right="if newest is not None and newest.name not in MIGRATIONS:",
        wrong="if newest is not None and newest.height > height:",
        test="tests/unit/upgrades/test_mixed_zone.py::test_the_old_software_makes_no_block_after_the_new_one",
    ),
    Bug(
        name="new software makes blocks before the height",
        file="modules/upgrades/blocks.py",
        right="        if migrate is not None:\n            raise UpgradeTooEarlyError(",
        wrong="        if migrate is None and not plan.name:\n            raise UpgradeTooEarlyError(",
        test="tests/unit/upgrades/test_mixed_zone.py::test_two_old_and_two_new_nodes_never_differ",
    ),
    Bug(
        name="a client is not led over headers in between",
        file="relayer/headers.py",
        right="return _signed_power(signed, trusted) > needed",
        wrong="return _signed_power(signed, trusted) >= 0 * needed",
        test="tests/property/test_followed_validators.py::test_a_zone_that_has_changed_altogether_is_followed_over_headers_between",
    ),
    Bug(
        name="a block may hold a transaction twice",
        file="core/proposals.py",
        right="if tx.hash in self._hashes or execution",
        wrong="if execution",
        test="tests/unit/core/test_proposals.py::test_proposal_against_the_rule_is_refused_and_never_made",
    ),
    Bug(
        name="what waits is checked above an old block",
        file="engines/cometbft/service.py",
        right="                self._app.reset_check_state()\n",
        wrong="                pass\n",
        test="tests/unit/engines/abci/test_service.py::test_waiting_transactions_are_checked_again_above_the_new_block",
    ),
    Bug(
        name="a committed block is carried out again",
        file="core/app.py",
        right="            height == expected,\n",
        wrong="            height >= expected - 1,\n",
        test="tests/unit/engines/abci/test_service.py::test_a_block_may_be_finalized_again_until_it_is_committed",
    ),
    Bug(
        name="a governed message is taken from an account",
        file="core/execution.py",
        right="        if item.route.governed:\n",
        wrong="        if not item.route:\n",
        test="tests/unit/governance/test_table.py::test_governed_message_is_for_no_account_alone",
    ),
    Bug(
        name="the weight of a frozen member is forgotten",
        file="modules/governance/counting.py",
        right="(tally.yes + tally.no + tally.frozen)",
        wrong="(tally.yes + tally.no)",
        test="tests/unit/governance/test_deciding.py::test_freeze_cannot_swing_a_vote",
    ),
    Bug(
        name="what comes back is issued anew",
        file="modules/transfer/escrow.py",
        right="    move(ctx, escrow_address(port_id, channel_id), receiver, denom, amount)\n",
        wrong="    issue(ctx, receiver, denom, amount, by=MODULE_ADDRESS)\n    return\n",
        test="tests/unit/transfer/test_receiving.py::test_other_chain_gets_no_more_back_than_it_was_sent",
    ),
    Bug(
        name="what is refused is given back twice",
        file="modules/transfer/escrow.py",
        right="        issue(ctx, receiver, denom, amount, by=MODULE_ADDRESS)\n        return\n",
        wrong="        issue(ctx, receiver, denom, 2 * amount, by=MODULE_ADDRESS)\n"
        "        return\n",
        test="tests/property/test_transfer_histories.py::test_claims_are_conserved_in_any_order_of_events",
    ),
    Bug(
        name="any client carries transfers",
        file="modules/transfer/permission.py",
        right="    if not params.allow_any_client and client_id",
        wrong="    if params.allowed_clients and client_id",
        test="tests/unit/transfer/test_permission.py::test_no_client_carries_transfers_unless_members_say_so",
    ),
    Bug(
        name="an older proof replaces a newer one",
        file="modules/facts/handlers.py",
        right="    if known is not None and height <= Height.from_proto(known.source_height):",
        wrong="    if known is not None and height == Height.from_proto(known.source_height):",
        test="tests/unit/facts/test_facts.py::test_older_and_equally_old_states_are_refused",
    ),
    Bug(
        name="a frozen client still vouches for facts",
        file="modules/facts/use.py",
        right="    if status is not Status.ACTIVE:",
        wrong="    if status is Status.EXPIRED:",
        test="tests/unit/facts/test_facts.py::test_frozen_client_neither_imports_nor_vouches_any_more",
    ),
    Bug(
        name="an anchor follows any other",
        file="modules/anchors/handlers.py",
        right="    if anchor.previous_root != root:",
        wrong="    if root and not anchor.previous_root:",
        test="tests/unit/anchors/test_anchors.py::test_anchor_is_refused_and_writes_nothing",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_can_still_be_seeded(bug: Bug) -> None:
    assert (SOURCE / bug.file).read_text(encoding="utf-8").count(bug.right) == 1
    assert (ROOT / bug.test.partition("::")[0]).is_file()


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_seeded_bug_turns_its_test_red(bug: Bug, tmp_path: Path) -> None:
    copy = tmp_path / "huitong"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / bug.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")
    where = _run(tmp_path, "-c", "import huitong; print(huitong.__file__)")
    assert where.stdout.startswith(str(copy)), "the copy is not what runs"
    ran = _run(tmp_path, *_PYTEST, bug.test)
    assert ran.returncode == _TESTS_FAILED, ran.stdout[-4_000:] + ran.stderr[-4_000:]


def _run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package that lies below ``path``."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
