"""Metrics, health and status of a running relayer, served over HTTP."""

from huitong.relayer.watch.watch import RelayWatch

__all__ = ["RelayWatch"]
