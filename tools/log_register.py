"""Reads the log events from the source: name, level, values; and says what each means."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")
#: Event → what happened, and what to do where something is to be done.
MEANINGS = {
    "abci_accept_failed": "A connection of CometBFT could not be taken.",
    "abci_call_failed": "A call that carries out blocks failed; the node stops.",
    "abci_call_refused": "A call of CometBFT was answered with an error; a bug of ours.",
    "abci_connection_lost": "CometBFT closed a connection.",
    "abci_connection_refused": "There were too many connections to the application.",
    "abci_frame_refused": "Something that is no ABCI came over a connection.",
    "account_refused": "A zone takes nothing from an account of the relayer; `next_step` says what to do.",
    "audit_anchor_failed": "The head of the audit log could not be put on chain; it is tried again.",
    "audit_anchored": "The head of the audit log stands on chain.",
    "block_committed": "A block is durable. `info` if it did something, else `debug`.",
    "blocks_broken": "Following the blocks of a gateway's own zone broke off; it is begun again.",
    "blocks_pruned": "The node no longer has blocks that a gateway has not seen; the zone's state is read instead.",
    "carrying_failed": "Messages could not be carried to a zone; they are tried again.",
    "chunk_refused": "A peer sent a part of a snapshot that is not what was promised.",
    "client_refreshed": "A light client got a new header before it would expire.",
    "client_unusable": "A light client is frozen or expired: the link stands still until members recover it.",
    "cometbft_said": "A line from the end of CometBFT's log, after it ended by itself.",
    "connector_broken": "A run of a source met a bug; it is run again when it is due. Report it.",
    "connector_failed": "A source or what it publishes to does not answer; what was read before is kept.",
    "connector_refused": "A definition of a connector is wrong; the others go on.",
    "connector_run": "A source was read, and something in it was new.",
    "connectors_broken": "The schedule of the connectors met a bug; it goes on. Report it.",
    "connectors_not_run": "The schedule of the connectors cannot go on now; it is tried again.",
    "delivery_broken": "A delivery of a peer met a bug; the peer tries again. Report it.",
    "delivery_taken": "A peer brought sealed bytes, which are kept and will be checked.",
    "engine_stopped": "The engine cannot go on; the node ends. See its exit code.",
    "events_not_numbered": "New events could not be put into their order; it is tried again.",
    "events_not_read": "The database did not answer when new events were looked for; streams wait.",
    "evidence_proven": "Misbehaviour of validators was proven to this node; it goes into the next block.",
    "evidence_refused": "The chain that forked did not take the evidence against its validators.",
    "evidence_set_aside": "Proven misbehaviour is not recorded: without the accused nobody could make blocks.",
    "evidence_submitted": "Evidence against validators that signed twice was handed to their chain.",
    "exchange_not_advanced": "What a block says of an exchange could not be applied; a bug of ours.",
    "follower_behind": "Blocks are followed so late that a signature ran out; it is made anew as of the newest block.",
    "gateway_failed": "A process of a gateway could not go on; `reason` says why.",
    "gateway_orphaned": "A process of a gateway ends because the one that started it is gone.",
    "grpc_failed": "A call of gRPC met a bug; the caller was told `request`. Report it.",
    "handshake_step_taken": "A connection or channel came one step further.",
    "joining_again": "The node begins from a snapshot anew.",
    "log_not_emptied": "Readers were in the way for too long: destroyed keys, still wrapped, may be in the log of SQLite until it is emptied next.",
    "lease_not_renewed": "The database did not answer when the lease was to be renewed; work goes on.",
    "lease_not_taken": "The database did not answer when the lease was to be taken; it is tried again.",
    "link_failed": "A link could not be made or served; it is begun again after a pause.",
    "misbehaviour_found": "A light client was shown a header that is not the zone's own. Tell both operators.",
    "misbehaviour_refused": "The proof of misbehaviour was not taken; mostly somebody else was first.",
    "misbehaviour_submitted": "The proof of misbehaviour was taken: the light client is frozen.",
    "node_stopped": "The node has stopped as it was told.",
    "hand_over_arrived": "A peer has brought the sealed payload of a record that it hands over.",
    "housekeeping_failed": "Old rows or ciphertext that belongs to nothing could not be cleared away; it is tried again.",
    "outbox_broken": "Work in the background met a bug and is begun again. Report it.",
    "outbox_leads": "This process of the gateway does the work in the background from now on.",
    "outbox_not_read": "The database did not answer when steps that are due were looked for.",
    "outcomes_not_written": "The database did not take what became of steps; it is written again.",
    "packet_contents_missed": "Packets are waiting whose contents no node shows.",
    "proposal_refused": "This validator votes against a proposed block.",
    "provider_lost": "An identity provider does not answer; its known keys are used until the grace period ends.",
    "provider_unreadable": "What an identity provider says of itself or its keys is not usable; compare `issuer` with the settings.",
    "push_without_subscription": "The zone tells of a version that was pushed under a permission that this gateway does not know; it is left alone.",
    "reading_failed": "A zone could not be read; it is tried again.",
    "fact_refresh_ordered": "A newer proof of a fact is brought: it is due, or its source has "
    "changed.",
    "fact_not_looked_at": "A fact's source could not be asked, or what it shows could not be "
    "proven yet; the fact's `problem` has it.",
    "facts_not_looked_at": "No fact was looked at; it is tried again.",
    "reads_batched": "Lines of the log of reads became a batch, whose root goes on chain.",
    "reads_not_anchored": "A batch of the log of reads could not be put on chain; it is tried again.",
    "refresh_failed": "A light client got no header; it expires if that goes on.",
    "request_failed": "A request met a bug or damage; the caller was told `request`. Report it.",
    "rpc_failed": "A call of RPC met a bug; the caller was told `request`. Report it.",
    "runner_broken": "Steps that are due could not be begun; it is tried again.",
    "sealed_not_dropped": "Sealed bytes that nobody needs could not be removed; it is tried again.",
    "sequence_differs": "The zone wants another sequence of an account: another program signs for it.",
    "signer_connected": "CometBFT signs through this process from now on.",
    "signer_disconnected": "The connection for signing is gone; it is made again.",
    "signer_refused_connection": "CometBFT is not who it should be.",
    "snapshot_accepted": "The node begins from a snapshot of its peers.",
    "snapshot_failed": "A snapshot could not be written; look at free disk space.",
    "snapshot_made": "A snapshot of the state is there for new nodes.",
    "snapshot_refused": "A snapshot of a peer is not used.",
    "snapshot_restored": "The state of a snapshot is in place.",
    "snapshot_skipped": "A snapshot was due and another one is being made.",
    "step_broken": "A step met a bug; it is tried again. Report it.",
    "step_not_settled": "What follows from the end of steps could not be written; it is tried again.",
    "step_stuck": "A step failed for good and waits for a person; `reason` says why.",
    "steps_not_traced": "Database or zone did not answer when spans of steps were to be recorded; those spans are missing.",
    "transaction_refused": "A zone refused a transaction of the relayer.",
    "transaction_waits": "The zone does not take a transaction now; it is sent again.",
    "transactions_resent": "Transactions that no block held were sent once more, the same bytes.",
    "vault_keys_rewrapped": "Keys of subjects are wrapped under the key-encryption key `wrapping_key` now.",
    "vault_object_left": "Ciphertext of an erased payload could not be removed; nobody can read it, and `sweep` takes it away.",
    "vault_subject_erased": "Keys of a data subject were destroyed, and with them its payloads.",
    "vault_subject_key_rotated": "The payloads of a data subject are under the key `key` now; the former one is destroyed.",
    "vault_swept": "Ciphertext that belonged to nothing was removed.",
    "waiting_for_cometbft": "The application waits for a CometBFT that others start.",
    "watch_failed": "Headers could not be compared; they wait and nothing is lost. `chain` is the one that failed.",
    "watch_started": "Metrics, health and readiness are served, of a relayer its status too.",
    "webhook_not_fed": "New events could not be handed on for a webhook; it is tried again.",
    "writer_broken": "Signing and sending broke off; it is begun again.",
    "zone_awaited": "The node does not answer; the gateway waits for it before it starts.",
    "zone_followed": "The relayer follows a zone again.",
    "zone_lost": "A zone does not answer; the relayer tries again.",
}


@dataclass(frozen=True)
class LogCall:
    """One place in the source that logs."""

    event: str
    """Name of the event."""
    logger: str
    """Part of the software that speaks."""
    levels: tuple[str, ...]
    """Levels at which it may be logged."""
    values: tuple[str, ...]
    """Names of the values beside it."""
    place: str
    """File and line."""


def read_log_calls(source: Path) -> Iterator[LogCall]:
    """Walk over the calls of the loggers in all files below ``source``."""
    for file in sorted(source.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        logger = _logger_of(tree)
        if logger is None:
            continue
        name, variable = logger
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            levels = _levels(node.func, variable)
            if levels:
                yield LogCall(
                    event=_event(node),
                    logger=name,
                    levels=levels,
                    values=tuple(item.arg or "**" for item in node.keywords),
                    place=f"{file.relative_to(source)}:{node.lineno}",
                )


def _logger_of(tree: ast.Module) -> tuple[str, str] | None:
    """Return name and variable of the file's logger, or None."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            target, value = node.target, node.value
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        else:
            continue
        if (
            isinstance(target, ast.Name)
            and isinstance(value, ast.Call)
            and ast.unparse(value.func) == "structlog.get_logger"
        ):
            named = value.args[0] if value.args else None
            name = named.value if isinstance(named, ast.Constant) else "?"
            return str(name), target.id
    return None


def _levels(function: ast.expr, variable: str) -> tuple[str, ...]:
    """Return the levels of ``log.info`` or of ``(log.info if … else log.debug)``."""
    if isinstance(function, ast.IfExp):
        return (
            *_levels(function.body, variable),
            *_levels(function.orelse, variable),
        )
    if (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == variable
    ):
        return (function.attr,)
    return ()


def _event(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) else "?"
