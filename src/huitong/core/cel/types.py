"""Kinds of values, and the variables that an expression may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeAlias


@unique
class Kind(Enum):
    """What a value is; known of every part of an expression before it is evaluated."""

    BOOL = "bool"
    INT = "int"
    STRING = "string"
    INTS = "list of int"
    STRINGS = "list of string"
    NOTHING = "empty list"


Value: TypeAlias = bool | int | str | tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable: its kind and the most that it can hold."""

    kind: Kind
    meaning: str
    """For the reference page."""
    optional: bool = False
    """Whether it may have no value; then ``has()`` tells."""
    count_max: int = 0
    """Items of a list."""
    length_max: int = 0
    """Characters of a string, or of each string in a list."""


#: By name: ``now``, or two names joined by a dot.
Variables: TypeAlias = Mapping[str, Variable]
