"""Zones on this machine: homes made in one call, nodes as child processes.

For the demonstration, the benchmarks and tests; a consortium runs its nodes by itself.
"""
