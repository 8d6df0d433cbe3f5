"""Log events: named, explained, and without secrets."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import huitong

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from log_register import LEVELS, MEANINGS, read_log_calls  # noqa: E402

CALLS = list(read_log_calls(Path(huitong.__file__).parent))
#: Words that no value may have in its name.
SECRET = re.compile(
    r"secret|seed|passphrase|password|private|mnemonic|payload|plain|raw|token|body",
    re.I,
)


def test_there_are_events() -> None:
    assert len(CALLS) > 20


def test_every_event_has_a_permanent_name_and_a_meaning() -> None:
    for call in CALLS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", call.event), call.place
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", call.logger), call.place
        assert set(call.levels) <= set(LEVELS), call.place
    assert {call.event for call in CALLS} == set(MEANINGS)


def test_values_are_named_and_none_is_a_secret() -> None:
    for call in CALLS:
        for name in call.values:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), call.place
            assert not SECRET.search(name), (name, call.place)
