"""All recorded histories of cosmos/iavl: roots, sizes, heights and proofs, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.store.iavl.node import (
    REFERENCE_SIZE,
    Node,
    is_record_of,
    load_node,
)
from huitong.core.store.iavl.proofs import prove_key
from huitong.core.store.iavl.reader import find_value, iterate_tree
from huitong.core.store.iavl.tree import Tree
from huitong.core.store.ics23 import IAVL_SPEC, verify_membership, verify_non_membership
from tests.vectors import load_vector

HISTORIES = ("churn", "empty_versions", "grow", "small")


def _replay(tree: Tree, values: dict[bytes, bytes], version: dict[str, Any]) -> None:
    for op in version["ops"]:
        key = bytes.fromhex(op["key"])
        if op["op"] == "set":
            values[key] = bytes.fromhex(op["value"])
            tree.set(key, values[key])
        else:
            assert tree.remove(key) is (values.pop(key, None) is not None)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("cached_from", [None, 0, 2])
def test_history_gives_the_recorded_roots_and_proofs(
    history: str, cached_from: int | None
) -> None:
    records: dict[bytes, bytes] = {}

    def load(link: bytes) -> Node:
        record = records[link[:REFERENCE_SIZE]]
        assert is_record_of(record, link)
        return load_node(link, record)

    tree = Tree(load, b"")
    values: dict[bytes, bytes] = {}
    for version in load_vector("iavl-v1.2.2/operations.json")[history]:
        _replay(tree, values, version)
        out: list[tuple[bytes, bytes]] = []
        tree.save(version["version"], 0, out)
        records.update(out)
        if cached_from is not None:
            tree.shrink_cache(cached_from)
        assert tree.root_hash().hex() == version["root"]
        ref = tree.root_link()[:REFERENCE_SIZE]
        root = load(tree.root_link())
        assert (root.height, root.size) == (version["height"], version["size"])
        get = records.__getitem__
        assert list(iterate_tree(get, ref, b"", None)) == sorted(values.items())
        for row in version["proofs"]:
            _check_proof(records, ref, version["root"], row)


def _check_proof(
    records: dict[bytes, bytes], ref: bytes, root_hex: str, row: dict[str, Any]
) -> None:
    key, root = bytes.fromhex(row["Key"]), bytes.fromhex(root_hex)
    value, proof = prove_key(records.__getitem__, ref, key)
    assert proof.SerializeToString(deterministic=True).hex() == row["Proof"]
    assert find_value(records.__getitem__, ref, key) == value
    if row["Exists"]:
        assert value == bytes.fromhex(row["Value"])
        verify_membership(IAVL_SPEC, root, proof, key, value)
    else:
        assert value is None
        verify_non_membership(IAVL_SPEC, root, proof, key)
