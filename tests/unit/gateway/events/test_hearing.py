"""Hearing of what was told in this process."""

from __future__ import annotations

from huitong.gateway.events.hearing import Hearing, hear


async def test_anything_told_is_heard_once() -> None:
    hearing = Hearing()
    hear(["exchange"])
    assert await hearing.anything(0)
    assert not await hearing.anything(0)


async def test_news_are_of_one_subject() -> None:
    hearing = Hearing()
    with hearing.of("a") as news, hearing.of("b") as other, hearing.of("a") as again:
        hear(["a"])
        assert news.came.is_set()
        assert again.came.is_set()
        assert not other.came.is_set()
        await news.wait(0)
        assert not news.came.is_set()
    hear(["a"])
    assert not news.came.is_set()
