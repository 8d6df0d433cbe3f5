"""Limits of the values in a request's body, each with its reason."""

from __future__ import annotations

from typing import Final

#: Commas and opening brackets of a JSON body, those in texts included: no fewer than its
#: values, and counted before any of them is made, because each costs a microsecond and
#: a hundred bytes. A body of the usual size has no more, unless it is made of empty lists.
BODY_VALUES_MAX: Final = 524_288
#: Colons of a JSON body, those in texts included: no fewer than the names in its objects,
#: which cost more than other values. A body of the usual size has no room for more.
BODY_NAMES_MAX: Final = 180_000
#: Members of the object that a JSON body is: operations know about thirty, and each that
#: they do not know is a refusal of its own.
BODY_MEMBERS_MAX: Final = 1_000
#: Bytes up to which a JSON body is read without a thread of its own: a millisecond's work.
BODY_READ_AT_ONCE_BYTES_MAX: Final = 65_536
