"""Signs for CometBFT with a validator's key that CometBFT itself never sees.

CometBFT listens (``priv_validator_laddr``), the signer dials, and answers one request
after the other: the public key, votes, proposals. Before a signature leaves, the file of
the last signed step is on the disk; nothing is signed that could contradict it.

* ``sign_bytes``: what is signed.
* ``sign_state``: the last signed step, and which may follow.
* ``signer``: the decision, and the signature.
* ``wire``: requests and answers as bytes.
* ``service``: the connection to CometBFT.
"""

from huitong.engines.cometbft.signer.service import (
    SignerService,
    running_signer,
    socket_path,
)
from huitong.engines.cometbft.signer.signer import ValidatorSigner

__all__ = ["SignerService", "ValidatorSigner", "running_signer", "socket_path"]
