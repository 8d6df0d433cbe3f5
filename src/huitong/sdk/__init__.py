"""Programs in Python that use a gateway::

    with Gateway("http://127.0.0.1:8480", key) as gateway:
        gateway.publish_record(record="INV-1", record_type="tax.invoice",
                               document={"total": 10}, wait=20)
        for record in gateway.list_records():
            print(record.record, record.version)

Every operation of the REST interface is a method: parts of the path first, everything
else by name. Orders get an Idempotency-Key by themselves, and keep it when they are sent
again; 429, 503 and lost connections are tried again. Lists are iterators that ask for the
next page when it is needed. ``AsyncGateway`` is the same to be awaited.
"""

from huitong.sdk.async_operations import AsyncGateway
from huitong.sdk.errors import (
    AnswerFormError,
    FieldError,
    NoAnswerError,
    Problem,
    ProblemError,
)
from huitong.sdk.operations import Gateway

__all__ = [
    "AnswerFormError",
    "AsyncGateway",
    "FieldError",
    "Gateway",
    "NoAnswerError",
    "Problem",
    "ProblemError",
]
