"""The light client of CometBFT chains (07-tendermint) and the objects it verifies."""
