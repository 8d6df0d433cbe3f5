"""Loggers that no command of an earlier test has bound to its own output."""

from __future__ import annotations

import pytest
import structlog

from huitong.relayer import client_care, contents, courier, misbehaviour, supervisor


@pytest.fixture(autouse=True)
def _fresh_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (client_care, contents, courier, misbehaviour, supervisor):
        monkeypatch.setattr(module, "log", structlog.get_logger("relayer"))
