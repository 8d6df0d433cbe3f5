"""The relayer: links between zones, and packets carried over them with proofs.

* ``plan`` and ``handshake`` decide what to do next: pure functions of what both zones say;
* ``lane`` and ``tracker`` hold what the zones said, from readings and from blocks;
* ``link`` makes a link, ``worker`` keeps one going, ``supervisor`` keeps several.
"""
