"""Whether a relayer could work: its nodes, accounts and light clients, before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from huitong.client import AccountUnknownError, QueryError, Sender
from huitong.client.sender import get_account
from huitong.core.errors import HuitongError, RejectedError, UnavailableError
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.relayer.chain import ChainKind
from huitong.relayer.discovery import get_client_status
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.errors import AccountRefusedError, ClientUnusableError
from huitong.relayer.settings import LinkConfig
from huitong.relayer.supervisor import Supervisor

#: Roles with which an account of our zones may relay.
RELAYING_ROLES: Final = frozenset({"relayer", "operator"})
_ACCOUNT: Final = "/huitong.members.v1.Query/Account"
_BALANCE: Final = "/cosmos.bank.v1beta1.Query/Balance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    """Of what: a zone, an account, a light client."""
    ok: bool
    """Whether it is as it must be."""
    seen: str
    """What was seen, or what is wrong."""
    next_step: str = ""
    """What to do; empty if nothing is."""


async def check_all(supervisor: Supervisor) -> list[Finding]:
    """Look at every zone, account and link of a configuration."""
    findings: list[Finding] = []
    for endpoint in supervisor.endpoints:
        findings += await _check_zone(endpoint)
    for link in supervisor.config.links:
        findings += await _check_link(supervisor, link)
    return findings


async def _check_zone(endpoint: Endpoint) -> list[Finding]:
    what = f"zone {endpoint.chain_id}"
    try:
        await endpoint.check_chain()
        head = await endpoint.head()
    except (UnavailableError, RejectedError) as failure:
        return [_wrong(what, failure)]
    price = endpoint.terms.account.gas_price
    seen = (
        f"{endpoint.terms.kind}, height {head.height}, gas price "
        f"{f'{price.amount}{price.denom}' if price else 'none'}, headers trusted for "
        f"{endpoint.terms.trusting_period_ns // 10**9} s"
    )
    return [
        Finding(what=what, ok=True, seen=seen),
        *[await _check_account(endpoint, sender) for sender in endpoint.senders],
    ]


async def _check_account(endpoint: Endpoint, sender: Sender) -> Finding:
    what = f"account {sender.address} on {endpoint.chain_id}"
    try:
        if endpoint.terms.kind is ChainKind.HUITONG:
            return await _check_roles(endpoint, sender, what)
        account = await get_account(endpoint.client, sender.address)
        coins = await _coins(endpoint, sender)
        return Finding(what=what, ok=True, seen=f"sequence {account.sequence}{coins}")
    except AccountUnknownError:
        return _refused(endpoint, sender, what, "no such account")
    except (UnavailableError, RejectedError) as failure:
        return _wrong(what, failure)


async def _check_roles(endpoint: Endpoint, sender: Sender, what: str) -> Finding:
    try:
        answer = await endpoint.client.query(
            _ACCOUNT,
            members_pb2.QueryAccountRequest(address=sender.address),
            members_pb2.QueryAccountResponse,
        )
    except QueryError:
        return _refused(endpoint, sender, what, "no such account")
    account = answer.account
    if account.disabled:
        return _refused(endpoint, sender, what, "the account is disabled")
    if not RELAYING_ROLES & set(account.roles):
        roles = ", ".join(account.roles) or "none"
        return _refused(endpoint, sender, what, f"needs the role relayer, has {roles}")
    return Finding(what=what, ok=True, seen=f"role {', '.join(account.roles)}")


async def _coins(endpoint: Endpoint, sender: Sender) -> str:
    price = endpoint.terms.account.gas_price
    if price is None:
        return ""
    answer = await endpoint.client.query(
        _BALANCE,
        bank_pb2.QueryBalanceRequest(address=sender.address, denom=price.denom),
        bank_pb2.QueryBalanceResponse,
    )
    amount = int(answer.balance.amount or "0")
    if price.amount and not amount:
        raise AccountRefusedError(
            address=sender.address,
            chain_id=endpoint.chain_id,
            reason=f"it has no {price.denom} to pay fees with",
        )
    return f", {amount}{price.denom}"


async def _check_link(supervisor: Supervisor, link: LinkConfig) -> list[Finding]:
    findings: list[Finding] = []
    for chain_id, other, client_id in _clients(link):
        what = f"client {client_id or 'of'} {other} on {chain_id}"
        if not client_id:
            findings.append(
                Finding(
                    what=what,
                    ok=True,
                    seen="not made yet",
                    next_step=f"huitong relay link {link.chain_a} {link.chain_b}",
                )
            )
            continue
        client = supervisor.endpoint(chain_id).client
        try:
            status = (await get_client_status(client, client_id)).lower()
            if status != "active":
                raise ClientUnusableError(
                    client_id=client_id, chain_id=chain_id, status=status
                )
        except (UnavailableError, RejectedError) as failure:
            findings.append(_wrong(what, failure))
        else:
            findings.append(Finding(what=what, ok=True, seen=status))
    return findings


def _clients(link: LinkConfig) -> Iterator[tuple[str, str, str]]:
    yield link.chain_a, link.chain_b, link.client_on_a
    yield link.chain_b, link.chain_a, link.client_on_b


def _wrong(what: str, failure: HuitongError) -> Finding:
    return Finding(
        what=what, ok=False, seen=str(failure), next_step=failure.next_step or ""
    )


def _refused(endpoint: Endpoint, sender: Sender, what: str, reason: str) -> Finding:
    refusal = AccountRefusedError(
        address=sender.address, chain_id=endpoint.chain_id, reason=reason
    )
    return Finding(what=what, ok=False, seen=reason, next_step=refusal.next_step or "")
