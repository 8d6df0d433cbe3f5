"""Every bound of the state machine, with its name and the reason for its value."""

from __future__ import annotations

from typing import Final

# --- transactions ---------------------------------------------------------------------
#: Bytes of one transaction. Hermes batches up to 180,000 B by default and 2 MiB when told.
TX_SIZE_BYTES_MAX: Final = 2_097_152
#: Messages in one transaction; Hermes sends at most 100.
TX_MESSAGES_MAX: Final = 1_000
#: Characters of a memo, as in the Cosmos SDK.
TX_MEMO_CHARACTERS_MAX: Final = 256
#: Signers of one transaction: all messages of a transaction share one.
TX_SIGNERS_MAX: Final = 1

# --- bytes and integers -----------------------------------------------------------------
#: Bytes of one decoded message: twice a transaction, so that proofs and wrappers fit.
MESSAGE_SIZE_BYTES_MAX: Final = 4_194_304
#: Bytes of a chain id; CometBFT refuses longer ones in genesis files and headers.
CHAIN_ID_SIZE_BYTES_MAX: Final = 50
#: Protobuf's integers.
UINT32_MAX: Final = 2**32 - 1
UINT64_MAX: Final = 2**64 - 1
INT64_MAX: Final = 2**63 - 1
