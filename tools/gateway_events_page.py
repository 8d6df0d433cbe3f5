"""The page of the gateway's events, from their register."""

from __future__ import annotations

from huitong.gateway.events.register import EVENT_TYPES, EventType


def gateway_events_page(notice: str) -> str:
    """Return the types of events as Markdown."""
    rows = [
        "# Events of a gateway",
        "",
        notice,
        "A gateway tells what happens as [CloudEvents](https://cloudevents.io), version 1.0: as a list at `/v1/events`, as it happens at `/v1/events/stream`, and by signed webhooks; see [hear what happens](../how-to/hear-what-happens.md).",
        "An event is written in the transaction of the change that it tells of, so neither is ever without the other.",
        "",
        "* `id` is a number, ascending without gaps in the order of telling; the same in list, stream and webhook.",
        "* `source` is `/zones/CHAIN_ID/members/MEMBER_ID`, the zone and member of the gateway.",
        "* `requestid` is the id of the request that led to it, if one did.",
        "* `data` never holds a payload or a secret. Names of types and members are permanent; new ones may come.",
        "* A caller sees the types of its roles: who may see the thing sees its events.",
        "",
        "| type | told when | subject | roles |",
        "| --- | --- | --- | --- |",
    ]
    rows += [_row(kind) for _, kind in sorted(EVENT_TYPES.items())]
    rows += ["", "## Members of `data`", ""]
    rows += ["Types with the same members stand together.", ""]
    for members, names in _by_members().items():
        rows += [", ".join(f"`{name}`" for name in names), ""]
        rows += ["| member | meaning |", "| --- | --- |"]
        rows += [f"| `{name}` | {meaning} |" for name, meaning in members]
        rows.append("")
    return "\n".join(rows).rstrip() + "\n"


def _row(kind: EventType) -> str:
    roles = ", ".join(sorted(kind.roles))
    return f"| `{kind.name}` | {kind.meaning} | {kind.subject} | {roles} |"


def _by_members() -> dict[tuple[tuple[str, str], ...], list[str]]:
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, kind in sorted(EVENT_TYPES.items()):
        found.setdefault(tuple(kind.data.items()), []).append(name)
    return found
