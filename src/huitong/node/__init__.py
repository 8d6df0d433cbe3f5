"""A running node: its home folder, its engine and what it answers over the network."""
