"""What the dashboard of relayers shows: rows of panels, each with its queries."""

from __future__ import annotations

from dashboard_panels import Panel


def _per_second(name: str, by: str) -> str:
    return f"sum by ({by}) (rate({name}{{@}}[$__rate_interval]))"


_DIRECTION = "{{source}} {{channel}} → {{destination}}"
_CLIENT = "{{client}} of {{counterparty}} on {{chain}}"

RELAYER_ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Links 链接",
        (
            Panel(
                "Served 中继中",
                "bool",
                (("huitong_relayer_link_up{@}", "{{chain_a}} - {{chain_b}}"),),
                "stat",
            ),
            Panel(
                "Version 版本",
                "none",
                (("huitong_relayer_info{@}", "{{instance}} {{version}}"),),
                "stat",
            ),
            Panel(
                "Stuck packets 受阻数据包",
                "none",
                (("huitong_relayer_packets_stuck{@}", "{{chain_a}} - {{chain_b}}"),),
                "stat",
            ),
            Panel(
                "Packets 数据包",
                "pps",
                (
                    (
                        _per_second(
                            "huitong_relayer_packets_total",
                            "source, channel, destination, outcome",
                        ),
                        _DIRECTION + " {{outcome}}",
                    ),
                ),
            ),
            Panel(
                "Waiting 等待中",
                "none",
                (("huitong_relayer_packets_pending{@}", _DIRECTION + " {{awaited}}"),),
            ),
            Panel(
                "Transactions 交易",
                "ops",
                (
                    (
                        _per_second("huitong_relayer_txs_total", "chain, result"),
                        "{{chain}} {{result}}",
                    ),
                ),
            ),
            Panel(
                "Refusals by code 按错误码的拒绝",
                "ops",
                (
                    (
                        _per_second(
                            "huitong_relayer_tx_failures_total",
                            "chain, codespace, code",
                        ),
                        "{{chain}} {{codespace}}/{{code}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Light clients and zones 轻客户端与区",
        (
            Panel(
                "Time until expiry 距过期时间",
                "s",
                (("huitong_relayer_client_expiry_seconds{@}", _CLIENT),),
            ),
            Panel(
                "Active 有效",
                "bool",
                (("huitong_relayer_client_active{@}", _CLIENT),),
                "stat",
            ),
            Panel(
                "Forged headers 伪造区块头",
                "none",
                (("huitong_relayer_misbehaviours_total{@}", _CLIENT),),
                "stat",
            ),
            Panel(
                "Behind the zone 落后区块",
                "none",
                (("huitong_relayer_client_lag_blocks{@}", _CLIENT),),
            ),
            Panel(
                "Height 高度",
                "none",
                (("huitong_relayer_zone_height{@}", "{{chain}}"),),
            ),
            Panel(
                "Age of the newest block 最新区块的时间",
                "s",
                (("huitong_relayer_zone_block_age_seconds{@}", "{{chain}}"),),
            ),
        ),
    ),
    (
        "Accounts 账户",
        (
            Panel(
                "Sequence 序号",
                "none",
                (("huitong_relayer_account_sequence{@}", "{{chain}} {{address}}"),),
            ),
            Panel(
                "Coins 余额",
                "none",
                (
                    (
                        "huitong_relayer_account_balance{@}",
                        "{{chain}} {{address}} {{denom}}",
                    ),
                ),
            ),
            Panel(
                "Memory 内存",
                "bytes",
                (("huitong_relayer_process_resident_memory_bytes{@}", "{{instance}}"),),
            ),
        ),
    ),
)
