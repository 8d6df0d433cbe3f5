"""Every expected failure of Huitong, each with a permanent ``(codespace, code)``.

The tree::

    HuitongError
    ├── RejectedError      the sender's fault; sending the same again fails again
    ├── UnavailableError   not now; the same request may succeed later
    └── BrokenError        our fault or a damaged disk; the operator must act

Rules:

* Only ``codespace`` and ``code`` are consensus data. Text may change, codes never do,
  and a retired code stays in the registry.
* A class is bound to its code when it is defined; defining a second class for the same
  pair raises at import.
* The text is built from typed fields, so that the offending value is always shown.
  Secrets are never fields.
* A failed check on the way is told by ``prefixed``: the class, and so the code, stay.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

#: Longest value shown inside a text; longer ones are cut with an ellipsis.
VALUE_TEXT_MAX: Final = 160

_registry: dict[tuple[str, int], type[HuitongError]] = {}


class HuitongError(Exception):
    """Root of all expected failures.

    Subclasses set ``codespace``, ``code`` and ``text`` as class keywords::

        class ClientNotFoundError(
            RejectedError, codespace="client", code=4, text="light client not found: {client_id}"
        ): ...

        raise ClientNotFoundError(client_id="07-tendermint-9")
    """

    codespace: ClassVar[str] = ""
    """The family of codes, for example ``client``; names follow ibc-go and the Cosmos SDK."""
    code: ClassVar[int] = 0
    """The number inside the family; 0 means success and is never an error's."""
    text: ClassVar[str] = ""
    """Template of the message; its placeholders are the error's fields."""
    next_step: ClassVar[str] = ""
    """What a person at the edge should do next; empty where that depends on the caller."""

    fields: dict[str, Any]
    """The values that the text shows, by name."""

    def __init_subclass__(
        cls,
        *,
        codespace: str | None = None,
        code: int | None = None,
        text: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init_subclass__()
        if next_step is not None:
            cls.next_step = next_step
        if codespace is None and code is None:
            return  # a family, such as RejectedError
        if codespace is None or code is None or text is None or code <= 0:
            raise TypeError(f"{cls.__name__} needs codespace, code > 0 and text")
        known = _registry.get((codespace, code))
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__}: {codespace}/{code} is {known.__name__}")
        cls.codespace, cls.code, cls.text = codespace, code, text
        _registry[codespace, code] = cls

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        self._prefixes: list[str] = []
        super().__init__()

    def prefixed(self, prefix: str) -> Self:
        """Return this error with ``prefix: `` put before its text."""
        self._prefixes.insert(0, prefix)
        return self

    def __str__(self) -> str:
        shown = {name: _show(value) for name, value in self.fields.items()}
        return ": ".join([*self._prefixes, self.text.format(**shown)])

    def diagnostics(self) -> str:
        """Text for a person: the message, its code, and what to do next if known."""
        line = f"{self} [{self.codespace}/{self.code}]"
        return f"{line}\n{self.next_step}" if self.next_step else line


class RejectedError(HuitongError):
    """The sender's fault: sending the same again fails again."""


class UnavailableError(HuitongError):
    """Not now: the same request may succeed later."""


class BrokenError(HuitongError):
    """Our fault or a damaged disk: the operator must act."""


def registered_errors() -> dict[tuple[str, int], type[HuitongError]]:
    """Return every error class by its ``(codespace, code)``, in the order of the pairs."""
    return dict(sorted(_registry.items()))


def _show(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        value = bytes(value).hex()
    shown = str(value)[: 2 * VALUE_TEXT_MAX]
    if not shown.isprintable():  # a stranger's line ends and escapes stay visible
        shown = "".join(_visible(char) for char in shown)
    return shown if len(shown) <= VALUE_TEXT_MAX else shown[: VALUE_TEXT_MAX - 1] + "…"


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


# --- codespace "sdk": what wallets and relayers know from the Cosmos SDK ------------
# Numbers and key phrases follow cosmos-sdk types/errors; clients match on them.


class TxDecodeError(
    RejectedError, codespace="sdk", code=2, text="tx parse error: {reason}"
):
    """The bytes are not a transaction in canonical form."""


class UnauthorizedError(
    RejectedError, codespace="sdk", code=4, text="{reason}: unauthorized"
):
    """The signature or the signer's right does not cover the request."""


class UnknownRequestError(
    RejectedError, codespace="sdk", code=6, text="{reason}: unknown request"
):
    """No such query path or message type."""


class InsufficientFundsError(
    RejectedError,
    codespace="sdk",
    code=5,
    text="{reason}: insufficient funds",
):
    """Less is held than would be spent; of a fee, always."""


class InvalidAddressError(
    RejectedError, codespace="sdk", code=7, text="{address}: {reason}: invalid address"
):
    """The text is not a bech32 account address of this software."""


class UnknownAddressError(
    RejectedError,
    codespace="sdk",
    code=9,
    text="account {address} does not exist: unknown address",
):
    """No account has this address."""


class OutOfGasError(
    RejectedError,
    codespace="sdk",
    code=11,
    text="out of gas in location: {location}; gasWanted: {wanted}, gasUsed: {used}: out of gas",
):
    """The transaction did more work than it paid for."""


class MemoTooLongError(
    RejectedError,
    codespace="sdk",
    code=12,
    text="memo of {size} bytes, at most {maximum}: memo too large",
):
    """The memo passes its limit."""


class NoSignaturesError(
    RejectedError, codespace="sdk", code=15, text="no signatures supplied"
):
    """A transaction without a signature."""


class InvalidRequestError(
    RejectedError, codespace="sdk", code=18, text="{reason}: invalid request"
):
    """A field of the request has a value that can never be right."""


class MempoolFullError(
    UnavailableError,
    codespace="sdk",
    code=20,
    text="mempool is full: {size} of {maximum}",
):
    """No room for another transaction until a block is made."""


class TxTooLargeError(
    RejectedError,
    codespace="sdk",
    code=21,
    text="{size} bytes, at most {maximum}: tx too large",
):
    """The transaction passes its size limit."""


class NotFoundError(
    RejectedError, codespace="sdk", code=22, text="{what} not found: key not found"
):
    """A query for something that is not in the state."""


class TxTimeoutHeightError(
    RejectedError,
    codespace="sdk",
    code=30,
    text="block height: {height}, timeout height: {timeout_height}: tx timeout height",
):
    """The block is past the height that the transaction allows."""


class WrongSequenceError(
    RejectedError,
    codespace="sdk",
    code=32,
    text="account sequence mismatch, expected {expected}, got {actual}: incorrect account sequence",
):
    """The signature's sequence is not the account's next one."""


class RedundantTxError(
    RejectedError, codespace="channel", code=22, text="packet messages are redundant"
):
    """Everything that the transaction would relay is on this chain already (ICS-18)."""


class GovernedMessageError(
    RejectedError,
    codespace="governance",
    code=2,
    text="{what} is decided by the members' vote",
    next_step="Propose it with `huitong governance propose`.",
):
    """Only a passed proposal carries the message out, never a transaction by itself."""


class PanicError(
    BrokenError, codespace="sdk", code=111222, text="internal error: {reason}"
):
    """An unexpected exception, caught at the outermost boundary; always a bug of ours."""
