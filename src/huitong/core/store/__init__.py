"""The state: authenticated key-value stores, their proofs, and overlays on them."""
