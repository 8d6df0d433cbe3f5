"""The relayer: links between zones, and packets carried over them with proofs.

* ``settings`` and ``config`` are what the operator says, ``chain`` what a node adds;
* ``plan`` and ``handshake`` decide what to do next: pure functions of what both zones say;
* ``lane`` and ``tracker`` hold what the zones said, from readings and from blocks;
* ``reading`` and ``contents`` read where packets stand and what is in them;
* ``link`` makes a link, ``worker`` keeps one going, ``supervisor`` keeps several;
* ``client_care`` keeps light clients of use, ``misbehaviour`` catches who lies to them;
* ``status``, ``checking`` and ``watch`` tell people and programs.
"""
