"""Who takes part in the demonstration, and what they exchange. All of it is made up."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.payload.document import read_document, split_document

ZONE_A: Final = "hangzhou-1"
ZONE_B: Final = "chongqing-1"
BUREAU: Final = "hz-tax-bureau"
TAXPAYER: Final = "xiling-silk"
BANK: Final = "yuzhong-bank"
#: Names of the keys.
BUREAU_KEY: Final = "bureau"
BANK_KEY: Final = "bank"
RELAYER_KEY: Final = "relayer"
RECORD_ID: Final = "INV-26332000000018046271"
RECORD_TYPE: Final = "tax.invoice"
PURPOSE: Final = "receivable-financing"
TITLE: Final = "电子发票 electronic invoice"
TERMS: Final = (
    "经纳税人同意,限应收账款融资 with the taxpayer's consent, for receivable financing"
)
LEGAL_BASIS: Final = "纳税人授权书 2026-031 letter of consent of the taxpayer"
#: What the bank needs of our invoice; prices, lines and accounts are not its business.
FIELDS_FOR_BANK: Final = (
    "付款期限",
    "价税合计",
    "发票号码",
    "发票状态",
    "合计金额",
    "合计税额",
    "开票日期",
    "购买方",
    "销售方",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is exchanged in this run."""

    name: str
    """Name of the document for people."""
    document: bytes
    """Its bytes."""
    fields: tuple[str, ...]
    """All its fields, ascending."""
    asked_fields: tuple[str, ...]
    """Those that the bank asks for; empty for all."""


def write_script(document: Path | None) -> Script:
    """Return what to exchange: a file, or our own invoice.

    Raises:
        PayloadUnreadableError, PayloadEmptyError, PayloadTooLargeError: the file.
    """
    if document is not None:
        data = read_document(document)
        return Script(
            name=document.name,
            document=data,
            fields=tuple(sorted(split_document(data))),
            asked_fields=(),
        )
    folder = resources.files("huitong.demo") / "documents"
    data = (folder / "invoice.json").read_bytes()
    return Script(
        name="invoice.json",
        document=data,
        fields=tuple(sorted(split_document(data))),
        asked_fields=FIELDS_FOR_BANK,
    )


def members_of_a() -> tuple[MemberSpec, ...]:
    """Return the members of the tax zone."""
    return (
        MemberSpec(
            member_id=BUREAU,
            name="杭州示范税务局",
            legal_id="11330100EXAMPLE01A",
            roles=("officer", "publisher"),
        ),
        MemberSpec(
            member_id=TAXPAYER,
            name="杭州西泠丝织有限公司",
            legal_id="91330106MA2EXMPL0K",
        ),
        MemberSpec(
            member_id="qiantang-steel",
            name="钱塘钢构有限公司",
            legal_id="91330109MA2EXMPL7T",
        ),
    )


def members_of_b(encryption_key: bytes) -> tuple[MemberSpec, ...]:
    """Return the members of the bank zone; the key is the bank's for payloads."""
    return (
        MemberSpec(
            member_id=BANK,
            name="渝中示范银行",
            legal_id="91500103EXAMPLE02B",
            roles=("requester",),
            encryption_key=encryption_key,
        ),
        MemberSpec(
            member_id="jialing-bank",
            name="嘉陵示范银行",
            legal_id="91500112EXAMPLE03C",
            roles=("requester",),
        ),
    )


def accounts_of_a() -> tuple[AccountSpec, ...]:
    """Return the keys of the tax zone."""
    return (
        AccountSpec(name=BUREAU_KEY, member_id=BUREAU, roles=("officer", "publisher")),
        AccountSpec(name=RELAYER_KEY, roles=("relayer",)),
    )


def accounts_of_b() -> tuple[AccountSpec, ...]:
    """Return the keys of the bank zone."""
    return (
        AccountSpec(name=BANK_KEY, member_id=BANK, roles=("requester",)),
        AccountSpec(name=RELAYER_KEY, roles=("relayer",)),
    )
