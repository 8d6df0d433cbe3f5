"""Benchmarks: real node processes on this machine, one JSON object as the result.

They print numbers and judge nothing. Nodes, relayer and load generator share the
machine's processors, so figures of one machine compare with figures of the same one only.
"""
