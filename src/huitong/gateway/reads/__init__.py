"""Proven reads: records of the open share class, answered with proof and without a request
on chain.

* ``provider`` answers; every answer is logged before it is given (``log``).
* ``reader`` asks, and believes only what its own zone's light client vouches for.
* Lines of the log are anchored on chain in batches (``anchoring``), so that a data subject
  is shown who read what, with a proof that the line is under an anchored root.
"""
