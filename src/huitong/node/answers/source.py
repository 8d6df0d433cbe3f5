"""The node's own RPC, as a source of answers."""

from __future__ import annotations

from typing import Any, Final, Protocol, Self

import httpx
import orjson

from huitong.core.errors import RejectedError
from huitong.node.asking import ANSWER_SIZE_BYTES_MAX
from huitong.node.errors import NodeNotServingError

#: How long the node's own RPC may take; CometBFT searches for some seconds at worst.
SOURCE_TIMEOUT_S: Final = 10.0
#: Connections that are kept open: one for each thread that asks.
_CONNECTIONS_KEPT: Final = 2


class SourceRefusalError(RejectedError, codespace="node", code=60, text="{reason}"):
    """The node's RPC refuses what it was asked; the text is its own."""


class SourceTooLongError(
    RejectedError,
    codespace="node",
    code=61,
    text="the answer is longer than {maximum} bytes; ask for a smaller page",
):
    """The node does not put as much into one answer."""


class Source(Protocol):
    """Where a node's answers come from."""

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a method of RPC, with parameters as JSON has them.

        Raises:
            SourceRefusalError: RPC refuses.
            SourceTooLongError: the answer is too long.
            NodeNotServingError: no answer, or none of JSON-RPC.
        """
        ...


class RpcSource:
    """Asks over loopback; any thread may. A context, which closes the connections."""

    def __init__(self, address: str) -> None:
        """Prepare; nothing is sent yet. ``address`` is ``tcp://HOST:PORT``."""
        self._address = address
        self._http = httpx.Client(
            base_url=address.replace("tcp://", "http://", 1),
            timeout=SOURCE_TIMEOUT_S,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=_CONNECTIONS_KEPT),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a method of RPC; raises as in ``Source``."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = orjson.loads(self._post(orjson.dumps(request)))
            if "error" in answer:
                error = answer["error"]
                raise SourceRefusalError(reason=error.get("data") or error["message"])
            result = answer["result"]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise self._silent("its answer has another shape") from error
        if not isinstance(result, dict):
            raise self._silent("its answer has another shape")
        return result

    def _post(self, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        try:
            with self._http.stream(
                "POST", "/", content=body, headers=headers
            ) as response:
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    if len(data) > ANSWER_SIZE_BYTES_MAX:
                        raise SourceTooLongError(maximum=ANSWER_SIZE_BYTES_MAX)
                return bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._silent(str(error) or type(error).__name__) from error

    def _silent(self, reason: str) -> NodeNotServingError:
        return NodeNotServingError(address=self._address, reason=reason)
