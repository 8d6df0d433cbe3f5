"""Asks the RPC of a node: this one's own, or a peer's, with a bound of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import orjson

from huitong.node.errors import NodeNotServingError

#: Bytes of an answer that are read; those asked for here are far smaller.
ANSWER_SIZE_BYTES_MAX: Final = 16_777_216

Call = tuple[str, Mapping[str, Any]]
"""A method and its parameters."""


class RpcAsker:
    """Asks one node; any thread may."""

    def __init__(self, address: str, *, timeout_s: float) -> None:
        """Prepare; nothing is sent yet.

        Args:
            address: ``tcp://HOST:PORT``, or a URL of HTTP.
            timeout_s: how long each step of a call may take.
        """
        self.address = address
        """As given."""
        self._url = address.replace("tcp://", "http://", 1).rstrip("/") + "/"
        self._http = httpx.Client(timeout=timeout_s, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, **params: Any) -> Any:
        """Return the result of one call; None if the node refuses it.

        Raises:
            NodeNotServingError: no answer, or none of JSON-RPC.
        """
        return self.calls([(method, params)])[0]

    def calls(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results of up to ten calls, in their order; None where refused.

        Raises:
            NodeNotServingError: no answer, or none of JSON-RPC.
        """
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}
            for number, (method, params) in enumerate(calls)
        ]
        try:
            given = orjson.loads(self._post(orjson.dumps(batch)))
            answers = given if isinstance(given, list) else [given]
            found = {answer["id"]: answer.get("result") for answer in answers}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise NodeNotServingError(
                address=self.address, reason="something else answers there"
            ) from error
        return [found.get(number) for number in range(len(batch))]

    def _post(self, body: bytes) -> bytes:
        try:
            with self._http.stream(
                "POST",
                self._url,
                content=body,
                headers={"content-type": "application/json"},
            ) as response:
                data = b""
                for part in response.iter_bytes():
                    data += part
                    if len(data) > ANSWER_SIZE_BYTES_MAX:
                        raise NodeNotServingError(
                            address=self.address, reason="its answer is too long"
                        )
                return data
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = str(error) or type(error).__name__
            raise NodeNotServingError(address=self.address, reason=reason) from error
