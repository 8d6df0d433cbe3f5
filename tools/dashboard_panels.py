"""What the dashboard shows: rows of panels, each with its queries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Panel:
    """One panel."""

    title: str
    """In English and Chinese."""
    unit: str
    """Grafana's name of the unit."""
    queries: tuple[tuple[str, str], ...]
    """PromQL and legend; ``@`` stands for the selection."""
    kind: str = "timeseries"
    """Grafana's type of panel."""


def _rate_mean(name: str) -> str:
    return (
        f"rate({name}_sum{{@}}[$__rate_interval]) "
        f"/ rate({name}_count{{@}}[$__rate_interval])"
    )


def _quantile(part: float, name: str, *by: str) -> str:
    labels = ", ".join(("instance", *by, "le"))
    return (
        f"histogram_quantile({part}, sum by ({labels}) "
        f"(rate({name}_bucket{{@}}[$__rate_interval])))"
    )


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Zone 区",
        (
            Panel(
                "Height 高度",
                "none",
                (("huitong_block_height{@}", "{{instance}}"),),
                "stat",
            ),
            Panel(
                "Ready 就绪", "bool", (("huitong_ready{@}", "{{instance}}"),), "stat"
            ),
            Panel(
                "Version 版本",
                "none",
                (("huitong_info{@}", "{{instance}} {{engine}} {{version}}"),),
                "stat",
            ),
            Panel(
                "Validators 验证者",
                "none",
                (("max by (status) (huitong_validators{@})", "{{status}}"),),
                "stat",
            ),
            Panel(
                "Open proposals 待表决提案",
                "none",
                (("max(huitong_proposals_open{@})", "open 待表决"),),
                "stat",
            ),
            Panel(
                "Blocks until the upgrade 距升级的区块数",
                "none",
                (
                    (
                        "min(huitong_upgrade_height{@} - huitong_block_height{@})",
                        "blocks 区块",
                    ),
                ),
                "stat",
            ),
        ),
    ),
    (
        "Blocks 区块",
        (
            Panel(
                "Time between blocks 出块间隔",
                "s",
                ((_rate_mean("huitong_block_interval_seconds"), "{{instance}}"),),
            ),
            Panel(
                "Time to carry out a block 区块处理耗时",
                "s",
                (
                    (
                        _quantile(0.5, "huitong_block_processing_seconds"),
                        "p50 {{instance}}",
                    ),
                    (
                        _quantile(0.99, "huitong_block_processing_seconds"),
                        "p99 {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Since the newest block 距最新区块",
                "s",
                (("huitong_block_age_seconds{@}", "{{instance}}"),),
            ),
            Panel(
                "Transactions per second 每秒交易",
                "none",
                (
                    (
                        "sum by (instance, result) (rate(huitong_txs_total{@}[$__rate_interval]))",
                        "{{result}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Failures by code 按错误码的失败",
                "none",
                (
                    (
                        "sum by (codespace, code) (rate(huitong_tx_failures_total{@}[$__rate_interval]))",
                        "{{codespace}}/{{code}}",
                    ),
                ),
            ),
            Panel(
                "Messages by type 按类型的消息",
                "none",
                (
                    (
                        "max by (module, type) (rate(huitong_messages_total{@}[$__rate_interval]))",
                        "{{module}} {{type}}",
                    ),
                ),
            ),
            Panel(
                "Transactions per block 每块交易数",
                "none",
                ((_rate_mean("huitong_block_txs"), "{{instance}}"),),
            ),
            Panel(
                "Bytes per block 每块字节",
                "bytes",
                ((_rate_mean("huitong_block_txs_size_bytes"), "{{instance}}"),),
            ),
            Panel(
                "Gas per block 每块 gas",
                "none",
                ((_rate_mean("huitong_block_gas"), "{{instance}}"),),
            ),
        ),
    ),
    (
        "Calls and the mempool 调用与交易池",
        (
            Panel(
                "Waiting transactions 等待的交易",
                "none",
                (
                    ("huitong_mempool_txs{@}", "{{instance}}"),
                    ("huitong_mempool_txs_max{@}", "max {{instance}}"),
                ),
            ),
            Panel(
                "Waiting bytes 等待的字节",
                "bytes",
                (
                    ("huitong_mempool_size_bytes{@}", "{{instance}}"),
                    ("huitong_mempool_size_bytes_max{@}", "max {{instance}}"),
                ),
            ),
            Panel(
                "Subscriptions 订阅",
                "none",
                (("huitong_subscriptions{@}", "{{instance}}"),),
            ),
            Panel(
                "RPC calls per second 每秒 RPC 调用",
                "none",
                (
                    (
                        "sum by (method, outcome) (rate(huitong_rpc_seconds_count{@}[$__rate_interval]))",
                        "{{method}} {{outcome}}",
                    ),
                ),
            ),
            Panel(
                "RPC p99 按方法的 RPC 延迟",
                "s",
                (
                    (
                        _quantile(0.99, "huitong_rpc_seconds", "method"),
                        "{{method}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "gRPC calls per second 每秒 gRPC 调用",
                "none",
                (
                    (
                        "sum by (method, status) (rate(huitong_grpc_seconds_count{@}[$__rate_interval]))",
                        "{{method}} {{status}}",
                    ),
                ),
            ),
            Panel(
                "gRPC p99 按方法的 gRPC 延迟",
                "s",
                (
                    (
                        _quantile(0.99, "huitong_grpc_seconds", "method"),
                        "{{method}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Queries p99 查询延迟",
                "s",
                (
                    (
                        _quantile(0.99, "huitong_query_seconds", "kind"),
                        "{{kind}} {{instance}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Consensus and links 共识与链接",
        (
            Panel("Peers 对等节点", "none", (("huitong_peers{@}", "{{instance}}"),)),
            Panel(
                "Own voting power 本节点表决权",
                "none",
                (("huitong_validator_power{@}", "{{instance}}"),),
            ),
            Panel(
                "Misbehaviour and changes of power 不当行为与表决权变更",
                "none",
                (
                    (
                        "increase(huitong_misbehaviours_total{@}[$__rate_interval])",
                        "{{kind}} {{instance}}",
                    ),
                    (
                        "increase(huitong_validator_updates_total{@}[$__rate_interval])",
                        "updates {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Time until clients expire 轻客户端剩余时间",
                "s",
                (
                    (
                        "min by (client, counterparty) (huitong_client_expiry_seconds{@})",
                        "{{client}} {{counterparty}}",
                    ),
                ),
            ),
            Panel(
                "Active clients 活跃的轻客户端",
                "bool",
                (
                    (
                        "min by (client, counterparty) (huitong_client_active{@})",
                        "{{client}} {{counterparty}}",
                    ),
                ),
            ),
            Panel(
                "Behind the highest node 落后区块数",
                "none",
                (
                    (
                        "scalar(max(huitong_block_height{@})) - huitong_block_height{@}",
                        "{{instance}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Store and machine 存储与机器",
        (
            Panel(
                "Database 数据库",
                "bytes",
                (("huitong_database_used_bytes{@}", "used {{instance}}"),),
            ),
            Panel(
                "Free disk 磁盘可用",
                "bytes",
                (("huitong_disk_free_bytes{@}", "{{instance}}"),),
            ),
            Panel(
                "Versions kept 保留的版本",
                "none",
                (
                    (
                        "huitong_store_version{@} - huitong_store_oldest_version{@}",
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                "Pruning backlog 待清理版本",
                "none",
                (("huitong_store_pruning_backlog_versions{@}", "{{instance}}"),),
            ),
            Panel(
                "Nodes of the trees in memory 内存中的树节点",
                "none",
                (("huitong_store_nodes_cached{@}", "{{instance}}"),),
            ),
            Panel(
                "Readers of the database 数据库读者",
                "none",
                (("huitong_database_readers{@}", "{{instance}}"),),
            ),
            Panel(
                "Snapshots 快照",
                "none",
                (
                    ("huitong_snapshot_height{@}", "newest {{instance}}"),
                    ("huitong_snapshots{@}", "count {{instance}}"),
                ),
            ),
            Panel(
                "Memory 内存",
                "bytes",
                (("huitong_process_resident_memory_bytes{@}", "{{instance}}"),),
            ),
            Panel(
                "Processor 处理器",
                "percentunit",
                (
                    (
                        "rate(huitong_process_cpu_seconds_total{@}[$__rate_interval])",
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                "Open files 打开的文件",
                "none",
                (
                    ("huitong_process_open_fds{@}", "{{instance}}"),
                    ("huitong_process_max_fds{@}", "max {{instance}}"),
                ),
            ),
        ),
    ),
)
