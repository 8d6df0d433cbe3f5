"""What the ledger tells the world: names and attributes of the Cosmos SDK's bank.

Wallets and indexers add up ``coin_received`` and ``coin_spent`` of an address; so a claim
passes, for them, through the address that issues or redeems it.
"""

from __future__ import annotations

from huitong.core.events import Event, event


def coin_spent(spender: str, amount: str) -> Event:
    """An address holds less of a claim."""
    return event("coin_spent", spender=spender, amount=amount)


def coin_received(receiver: str, amount: str) -> Event:
    """An address holds more of a claim."""
    return event("coin_received", receiver=receiver, amount=amount)


def coins_issued(minter: str, amount: str) -> Event:
    """A voucher came in, and there is more of a claim."""
    return event("coinbase", minter=minter, amount=amount)


def coins_redeemed(burner: str, amount: str) -> Event:
    """A voucher went back, and there is less of a claim."""
    return event("burn", burner=burner, amount=amount)


def transferred(recipient: str, sender: str, amount: str) -> Event:
    """A claim passed from one address to another."""
    return event("transfer", recipient=recipient, sender=sender, amount=amount)


def sent_by(sender: str) -> Event:
    """Whose claim it was that passed on, for subscriptions by sender."""
    return event("message", sender=sender)
