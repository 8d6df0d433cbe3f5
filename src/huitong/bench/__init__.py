"""Benchmarks: real node processes on this machine, one JSON object as the result.

They print numbers and judge nothing. Nodes, relayer and load generator share the
machine's processors, as they do in the rival's figures that they are compared with.
"""
