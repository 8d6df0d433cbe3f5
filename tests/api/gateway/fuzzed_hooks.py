"""What Schemathesis loads before it calls: a key of its own for each request."""

from __future__ import annotations

import secrets
from typing import Any

import schemathesis

_HEADER = "Idempotency-Key"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give each request another key, unless its form is what is tried out.

    The key of the description's example would stand for one request in the whole run.
    """
    given = case.headers.get(_HEADER)
    if given is not None and len(str(given)) >= 8:
        case.headers[_HEADER] = secrets.token_hex(16)
