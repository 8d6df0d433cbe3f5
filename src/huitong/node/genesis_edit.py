"""Changes of a genesis file before its zone begins, each checked as a whole."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from huitong.core.canonical_json import decode_json, encode_json
from huitong.core.errors import HuitongError
from huitong.engines.genesis import GenesisDocument, decode_genesis, genesis_json
from huitong.engines.validator_key import PUBLIC_KEY_TYPE
from huitong.modules.zone import MODULES
from huitong.node.errors import GenesisEntryError, GenesisFixedError
from huitong.node.home import Home
from huitong.node.parts import check_genesis

Change = Callable[[dict[str, Any]], None]
"""Changes the document in place."""


def change_genesis(home: Home, change: Change) -> GenesisDocument:
    """Change the genesis file of a home, if every part is right afterwards.

    Raises:
        GenesisFixedError: blocks were made from it already.
        GenesisFileError: the document as a whole would be wrong.
        RejectedError: a module refuses its part.
    """
    genesis = home.load_genesis()
    if home.has_begun():
        raise GenesisFixedError(path=home.path)
    document = genesis_json(genesis)
    change(document)
    changed = decode_genesis(encode_json(document))
    check_genesis(changed)
    home.save_genesis(changed)
    return changed


def add_member(
    member_id: str,
    *,
    name: str,
    legal_id: str,
    roles: Sequence[str],
    encryption_key: str,
) -> Change:
    """Return the change that admits a member organisation.

    Args:
        member_id: short name in the zone.
        name: name for people.
        legal_id: unified social credit code or the like; may be empty.
        roles: roles its accounts may hold; none means all.
        encryption_key: X25519 public key in hex; may be empty.
    """
    entry: dict[str, Any] = {"member_id": member_id, "name": name}
    if legal_id:
        entry["legal_id"] = legal_id
    if roles:
        entry["roles"] = sorted(set(roles))
    if encryption_key:
        try:
            key = bytes.fromhex(encryption_key)
        except ValueError:
            raise GenesisEntryError(
                reason=f"encryption key {encryption_key!r} is not hex"
            ) from None
        entry["encryption_key"] = base64.b64encode(key).decode()
    return _append("members", "members", entry, "member_id")


def add_account(address: str, *, roles: Sequence[str], member_id: str) -> Change:
    """Return the change that gives an account its roles.

    Args:
        address: bech32 address.
        roles: what its key may do.
        member_id: the member it signs for; empty for none.
    """
    entry: dict[str, Any] = {"address": address}
    if member_id:
        entry["member_id"] = member_id
    if roles:
        entry["roles"] = sorted(set(roles))
    return _append("members", "accounts", entry, "address")


def add_validator(public_key: str, *, power: int, name: str, member_id: str) -> Change:
    """Return the change that makes a key one of the first validators.

    A key that is there already, as that of the home is, only gets its member.

    Args:
        public_key: ed25519 in base64, as `huitong node id` shows it.
        power: voting power, at least 1.
        name: name for people.
        member_id: the member whose validator it is; empty for none.
    """

    def change(document: dict[str, Any]) -> None:
        validators = document["validators"]
        is_known = any(item["pub_key"]["value"] == public_key for item in validators)
        if not is_known:
            key = {"type": PUBLIC_KEY_TYPE, "value": public_key}
            validators.append({"pub_key": key, "power": str(power), "name": name})
        if member_id:
            entry = {"public_key": public_key, "member_id": member_id, "name": name}
            _append("consensus", "validators", entry, "public_key")(document)
        elif is_known:
            raise GenesisEntryError(reason=f"{public_key} is there already")

    return change


def set_value(path: str, text: str) -> Change:
    """Return the change that sets one value.

    Args:
        path: names joined by dots, for example ``consensus_params.block.max_gas``;
            a number names a place in a list. A module's name stands for its part of
            ``app_state``, so that ``transfer.send_enabled`` is enough.
        text: the value: JSON, or else taken as a text. Where a text stands now, it
            stays a text. Not ``null``, which would read as if nothing were set.
    """
    names = path.split(".")

    def change(document: dict[str, Any]) -> None:
        parent: Any = _part_of(document, names[0])
        for name in names[:-1]:
            parent = _step(parent, name, path)
        last = names[-1]
        try:
            value = decode_json(text.encode())
        except HuitongError:
            value = text
        if isinstance(parent, list):
            place = _place(parent, last, path)
            parent[place] = _same_kind(parent[place], value, text)
        elif isinstance(parent, dict):
            parent[last] = _same_kind(parent.get(last), value, text)
        else:
            raise GenesisEntryError(reason=f"{path}: nothing can stand there")

    return change


def _part_of(document: dict[str, Any], name: str) -> Any:
    """Return where a path begins: the document, or its state of modules."""
    if name in document:
        return document
    modules = sorted(module.name for module in MODULES)
    if name in modules:
        return document["app_state"]
    raise GenesisEntryError(
        reason=f"{name[:32]} is no entry; modules: {', '.join(modules)}"
    )


def _append(module: str, kind: str, entry: dict[str, Any], unique: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        state = document["app_state"].setdefault(module, {})
        if not isinstance(state, dict):
            raise GenesisEntryError(reason=f"app_state.{module} is not an object")
        entries = state.setdefault(kind, [])
        if not isinstance(entries, list):
            raise GenesisEntryError(reason=f"app_state.{module}.{kind} is not a list")
        for item in entries:
            if isinstance(item, dict) and item.get(unique) == entry[unique]:
                raise GenesisEntryError(reason=f"{entry[unique]} is there already")
        entries.append(entry)

    return change


def _step(parent: Any, name: str, path: str) -> Any:
    if isinstance(parent, list):
        return parent[_place(parent, name, path)]
    if isinstance(parent, dict):
        return parent.setdefault(name, {})
    raise GenesisEntryError(reason=f"{path}: {name} cannot stand there")


def _place(parent: list[Any], name: str, path: str) -> int:
    if not name.isdigit() or int(name[:9]) >= len(parent):
        raise GenesisEntryError(reason=f"{path}: no entry {name}")
    return int(name)


def _same_kind(present: Any, value: Any, text: str) -> Any:
    if isinstance(present, str) and not isinstance(value, str):
        return text
    if value is None:
        raise GenesisEntryError(reason="null is no value")
    return value
