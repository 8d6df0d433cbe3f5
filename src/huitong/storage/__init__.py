"""What lies on disk below the state: the LMDB environment and the store's backend."""
