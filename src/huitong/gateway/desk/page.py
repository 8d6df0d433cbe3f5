"""``/verify``: the page on which anybody verifies a bundle, without an account.

It is one text with its own style and script, which the policy names by their hashes;
nothing is loaded from elsewhere, and the bundle goes to this gateway only.
"""

from __future__ import annotations

import base64
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from huitong.core.hashing import sha256

PATH: Final = "/verify"
_STYLE: Final = (
    "body{font:16px/1.6 sans-serif;max-width:52em;margin:2em auto;padding:0 1em}"
    "label{display:block;margin:1em 0}button{font:inherit;padding:.3em 1.2em}"
    "#grade{font-weight:bold;font-size:1.2em}td{padding:.1em .8em .1em 0;"
    "vertical-align:top}.no{color:#b00020}pre{white-space:pre-wrap}"
)
_SCRIPT: Final = """
const byId = (id) => document.getElementById(id);
const grades = {
  proven: "proven 已证明",
  unverified: "unverified 自洽，但未提供信任文件",
};
function readBundle(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",", 2)[1] || "");
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}
function addCheck(check) {
  const row = byId("checks").insertRow();
  for (const text of [check.ok ? "✓" : "✗", check.name, check.detail]) {
    row.insertCell().textContent = text;
  }
  row.className = check.ok ? "" : "no";
}
async function verify() {
  byId("checks").replaceChildren();
  byId("report").textContent = "";
  const trusted = byId("trust").files[0];
  const body = {
    bundle: await readBundle(byId("bundle").files[0]),
    trust: trusted ? JSON.parse(await trusted.text()) : null,
  };
  const answer = await fetch("/v1/verify", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) {
    byId("grade").textContent = found.detail || found.title;
    return;
  }
  byId("grade").textContent = grades[found.grade] || "refused 未通过";
  found.checks.forEach(addCheck);
  byId("report").textContent = found.report || "";
}
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("grade").textContent = "…";
  verify().catch((error) => {
    byId("grade").textContent = String(error);
  });
});
"""
_PAGE: Final = f"""<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>核验证据包 Verify evidence</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>核验证据包 Verify evidence</h1>
<p>无需账户；内容不会留存。不愿上传的，可用 <code>huitong verify</code> 离线核验。<br>
No account is needed, and nothing is kept. Whoever does not want to upload verifies offline
with <code>huitong verify</code>.</p>
<form id="form">
<label>证据包 Bundle <input id="bundle" type="file" required></label>
<label>信任文件（可选） Trust file (optional) <input id="trust" type="file"></label>
<button>核验 Verify</button>
</form>
<p id="grade" role="status"></p>
<table id="checks"></table>
<pre id="report"></pre>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode())).decode()}'"


_POLICY: Final = (
    f"default-src 'none'; script-src {_hash_of(_SCRIPT)}; style-src {_hash_of(_STYLE)}; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def install_verify_page(app: FastAPI) -> None:
    """Serve the page."""

    async def show(_: Request) -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    app.add_route(PATH, show, methods=["GET"], include_in_schema=False)
