"""The demonstration: two zones on this machine exchange a document, with proof.

* ``cast``: who takes part, and the document of our own making.
* ``stage``: two zones and a relayer, cleaned up whatever happens.
* ``nodes``, ``consortium``: a zone of one process, and one of four validators on CometBFT.
* ``play``: the steps of the exchange.
* ``attacks``: three attempts to cheat, each refused.
* ``run``: all of it, the evidence, and its verification after both zones have stopped.
* ``story``: what a person sees meanwhile.
"""
