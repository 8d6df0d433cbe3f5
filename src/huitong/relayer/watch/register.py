"""Every metric of a relayer: name, kind, labels, meaning. The one list of them.

Names are permanent. A direction is named by the zone that sends (``source``), its channel
there, and the zone that receives (``destination``).
"""

from __future__ import annotations

from typing import Final

from huitong.node.watch.register import Kind, Metric

_DIRECTION: Final = ("source", "channel", "destination")
_CLIENT: Final = ("chain", "client", "counterparty")
_ACCOUNT: Final = ("chain", "address")


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, help=meaning, labels=labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, help=meaning, labels=labels)


INFO: Final = _gauge(
    "huitong_relayer_info", "Always 1; the label tells what runs.", "version"
)
LINK_UP: Final = _gauge(
    "huitong_relayer_link_up",
    "1 if both zones of a link are followed and nothing hinders it, else 0.",
    "chain_a",
    "chain_b",
    "channel_a",
)
PACKETS: Final = _counter(
    "huitong_relayer_packets_total",
    "Packets seen since the relayer started, whoever relayed them, by `outcome`: sent, "
    "received, answered, acknowledged or timed_out.",
    *_DIRECTION,
    "outcome",
)
PENDING: Final = _gauge(
    "huitong_relayer_packets_pending",
    "Packets that are not settled, by what is awaited: receive, decide (the application "
    "has not answered), acknowledge, or contents (no node shows them).",
    *_DIRECTION,
    "awaited",
)
STUCK: Final = _gauge(
    "huitong_relayer_packets_stuck",
    "Packets that were refused and are tried again later; see `huitong relay status`.",
    "chain_a",
    "chain_b",
    "channel_a",
)
TXS: Final = _counter(
    "huitong_relayer_txs_total",
    "Transactions handed over, by link, zone and result: sent (all of them) or failed.",
    "chain",
    "counterparty",
    "client",
    "result",
)
TX_FAILURES: Final = _counter(
    "huitong_relayer_tx_failures_total",
    "Refused transactions by the zone's error code.",
    "chain",
    "counterparty",
    "client",
    "codespace",
    "code",
)
HEIGHT: Final = _gauge(
    "huitong_relayer_zone_height", "Newest block that was seen of a zone.", "chain"
)
BLOCK_AGE: Final = _gauge(
    "huitong_relayer_zone_block_age_seconds",
    "Time since the newest block seen of a zone, by the block's own time.",
    "chain",
)
CLIENT_LAG: Final = _gauge(
    "huitong_relayer_client_lag_blocks",
    "Blocks between the newest of a zone and the newest that its light client knows; "
    "it grows while nothing is relayed.",
    *_CLIENT,
)
CLIENT_EXPIRY: Final = _gauge(
    "huitong_relayer_client_expiry_seconds",
    "Time until a light client expires unless it is refreshed; negative once it has.",
    *_CLIENT,
)
CLIENT_TRUSTING_PERIOD: Final = _gauge(
    "huitong_relayer_client_trusting_period_seconds",
    "Trusting period of a light client.",
    *_CLIENT,
)
CLIENT_ACTIVE: Final = _gauge(
    "huitong_relayer_client_active",
    "1 if a light client is active, 0 if it is frozen or expired.",
    *_CLIENT,
)
MISBEHAVIOURS: Final = _counter(
    "huitong_relayer_misbehaviours_total",
    "Headers found that were shown to a light client and are not the zone's own.",
    *_CLIENT,
)
SEQUENCE: Final = _gauge(
    "huitong_relayer_account_sequence",
    "Sequence of a signing account's next transaction; absent before the first.",
    *_ACCOUNT,
)
BALANCE: Final = _gauge(
    "huitong_relayer_account_balance",
    "Coins of a signing account, where the zone takes fees; read once a minute.",
    *_ACCOUNT,
    "denom",
)

#: All of them, in the order of the reference page.
RELAYER_METRICS: Final[tuple[Metric, ...]] = tuple(
    item for item in list(globals().values()) if isinstance(item, Metric)
)
