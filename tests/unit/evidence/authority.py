"""A real time-stamping authority: openssl, behind a small HTTP server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificate

from tests.unit.gateway.connectors.http_kit import Seen, serve

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An authority with a root of its own."""

    folder: Path
    root: Certificate
    root_path: Path

    def answer(self, query: bytes) -> bytes:
        """Return the answer to a query."""
        (self.folder / "query").write_bytes(query)
        _openssl(
            self.folder,
            "ts -reply -config config -section one -queryfile query "
            "-signer leaf.pem -inkey leaf.key -out answer",
        )
        return (self.folder / "answer").read_bytes()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Answer on a port of loopback; yield the address."""

        def answer(seen: Seen) -> tuple[int, bytes]:
            if seen.headers["content-type"] != "application/timestamp-query":
                return 415, b""
            return 200, self.answer(seen.body)

        with serve(answer) as server:
            yield server.url


def make_authority(folder: Path, name: str = "authority") -> Authority:
    """Make keys and certificates of a new authority."""
    folder.mkdir()
    (folder / "config").write_text(_CONFIG.format(name=name, folder=folder))
    (folder / "serial").write_text("01")
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out root.key",
        "ecparam -name prime256v1 -genkey -noout -out leaf.key",
        "req -x509 -new -key root.key -out root.pem -days 30 -config config "
        f"-extensions root -subj /CN={name}-root",
        f"req -new -key leaf.key -out leaf.csr -config config -subj /CN={name}-leaf",
        "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 2 -days 30 "
        "-extfile config -extensions leaf -out leaf.pem",
    ):
        _openssl(folder, command)
    path = folder / "root.pem"
    root = load_pem_x509_certificate(path.read_bytes())
    return Authority(folder=folder, root=root, root_path=path)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(
        ["openssl", *command.split()], cwd=folder, check=True, capture_output=True
    )
