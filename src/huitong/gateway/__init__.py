"""What a member's gateway does: payloads, the vault, sealing, and the exchange itself."""
