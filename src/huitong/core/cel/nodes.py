"""What an expression is made of, once it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text."""

    place: int
    value: bool | int | str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list that stands in the text."""

    place: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, ``now`` or ``request.purpose``, or the variable of a macro."""

    place: int
    path: str


@dataclass(frozen=True, slots=True)
class Has:
    """``has(consent.until)``: whether a variable has a value."""

    place: int
    path: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``!`` or ``-`` before an operand."""

    place: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operand on each side of ``+ - * / % == != < <= > >= in``."""

    place: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """Two or more operands joined by ``&&``, or by ``||``."""

    place: int
    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """``condition ? yes : no``."""

    place: int
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Call:
    """``size(x)``, or ``x.startsWith(y)`` and its like; the target comes first."""

    place: int
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quantifier:
    """``list.all(x, body)`` or ``list.exists(x, body)``."""

    place: int
    function: str
    over: Node
    variable: str
    body: Node


Node: TypeAlias = (
    Literal
    | ListOf
    | Name
    | Has
    | Unary
    | Binary
    | Junction
    | Choice
    | Call
    | Quantifier
)


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below one."""
    match node:
        case Literal() | Name() | Has():
            return ()
        case ListOf():
            return node.items
        case Unary():
            return (node.operand,)
        case Binary():
            return node.left, node.right
        case Junction():
            return node.operands
        case Choice():
            return node.condition, node.yes, node.no
        case Call():
            return node.arguments
        case Quantifier():
            return node.over, node.body
