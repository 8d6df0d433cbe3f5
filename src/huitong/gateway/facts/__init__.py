"""Facts of other zones: imported with proof, refreshed in time, watched at their source.

A fact is what rules of the own zone may use (``modules.facts``). The gateway takes the
proof from a node of the other zone, which nobody believes, and brings it to the own zone,
which verifies it.
"""
