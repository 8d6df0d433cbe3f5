"""The pure part that everything else stands on: types, bytes, state, transactions.

Nothing here performs I/O, reads a clock, draws a random number or uses a float.
"""
