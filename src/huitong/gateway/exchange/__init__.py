"""The granted exchange, as each party's gateway runs it."""
