"""The page to which the ``type`` of every problem leads, without an account."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from huitong.core.errors import (
    BrokenError,
    HuitongError,
    RejectedError,
    UnavailableError,
    registered_errors,
)
from huitong.gateway.http.problems import title_of

_FAMILIES: Final = {
    RejectedError: "rejected",
    UnavailableError: "unavailable",
    BrokenError: "broken",
}
#: The page has one style of its own and nothing else.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "section:target{background:#fff3bf}h2{font:bold 1em monospace;margin-bottom:0}"
)


def error_sections() -> Iterator[tuple[str, str, str, str]]:
    """Walk over all codes; yield anchor, family, meaning and next step of each."""
    for (space, code), kind in registered_errors().items():
        yield f"{space}-{code}", family_of(kind), title_of(kind), kind.next_step


def family_of(kind: type[HuitongError]) -> str:
    """Return whose fault a failure is: rejected, unavailable or broken."""
    return next(name for base, name in _FAMILIES.items() if issubclass(kind, base))


def install_error_page(app: FastAPI, errors_url: str) -> None:
    """Serve the page, if the settings do not name one elsewhere."""
    if not errors_url.startswith("/"):
        return

    async def show_errors(_: Request) -> HTMLResponse:
        return HTMLResponse(_page(), headers={"Content-Security-Policy": _POLICY})

    app.add_route(errors_url, show_errors, methods=["GET"], include_in_schema=False)


def _page() -> str:
    rows = [
        f'<section id="{escape(anchor)}"><h2>{escape(anchor)}</h2>'
        f"<p>{escape(meaning)} <i>({family})</i><br>{escape(next_step)}</p></section>"
        for anchor, family, meaning, next_step in error_sections()
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Error codes</title><style>{_STYLE}</style></head><body>"
        "<h1>Error codes</h1><p>Rejected: the same request fails again. Unavailable: it "
        "may succeed later. Broken: whoever runs the gateway must act.</p>"
        f"{''.join(rows)}</body></html>"
    )
