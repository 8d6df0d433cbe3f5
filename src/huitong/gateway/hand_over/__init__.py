"""Hand-overs: a record with its history moves to a member of another zone, or comes back.

The zones decide (``modules.exchange.hand_overs``): at every moment one of them holds the
record unlocked, or it is under way. The gateways bring the payload, sealed to the receiver,
and keep it where the record is.
"""
