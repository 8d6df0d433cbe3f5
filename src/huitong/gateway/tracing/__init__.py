"""Traces: what a request led to, in this gateway and in the peer's (OpenTelemetry).

Off unless ``[tracing] endpoint`` is set; then nothing of OpenTelemetry is even loaded.

* ``ids``: which trace an exchange belongs to, the same on both sides without a word.
* ``spans``: what the rest of the gateway calls; ``otlp`` sends it to a collector.
* ``steps``: spans of the outbox's steps and of the transactions that carried them.
* ``middleware``: spans of API calls, and the figures of all requests.
"""
