"""ABCI 2.0 over sockets: frames, connections, and what stands in them."""
