"""CometBFT drives the application: ABCI server, state sync, the program beside us."""
