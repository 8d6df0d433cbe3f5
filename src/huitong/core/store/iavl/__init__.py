"""The IAVL tree: a balanced tree with a hash for every version of the state."""
