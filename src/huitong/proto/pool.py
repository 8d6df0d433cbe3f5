"""The registry of Huitong's own message types.

Generated code registers here instead of in protobuf's process-wide default pool, so that
another package which brings its own ``ibc.core.*`` or ``cosmos.*`` messages can be loaded
into the same process. The well-known types (``Any``, ``Timestamp``, ``Duration``) live
here too; import them from ``huitong.proto.google.protobuf``, never from
``google.protobuf``: those are other classes and do not fit into our messages.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor_pool import DescriptorPool

_POOL: Final = DescriptorPool()


def Default() -> DescriptorPool:  # noqa: N802 - the name that generated code calls
    """Return the pool that holds every message type of ``huitong.proto``."""
    return _POOL
