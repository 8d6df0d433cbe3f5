"""The pages of the documentation about programs of others are true: their commands run."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.bench.hermes import find_hermes
from huitong.bench.simd import find_simd
from tests.interop.kit.peers import COSMJS_FOLDER
from tests.repo.pages import RUNNABLE, SECONDS_MAX, needed_programs, page_name, run_page

FIND = {"hermes": find_hermes, "simd": find_simd}
LANE = "how-to pages"
PAGES = [
    pytest.param(
        page,
        marks=pytest.mark.lane(LANE, peers=tuple(needed_programs(page))),
        id=page_name(page),
    )
    for page in RUNNABLE
    if not {*needed_programs(page)} <= {"cometbft"}
]


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS_MAX + 100)
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page_run(page: Path, tmp_path: Path) -> None:
    needed = needed_programs(page)
    programs = [FIND[name]() for name in needed if name in FIND]
    if "cosmjs" in needed:
        place = tmp_path / "place"
        place.mkdir()
        (place / "node_modules").symlink_to(COSMJS_FOLDER / "node_modules")
    run_page(page, tmp_path, programs)
