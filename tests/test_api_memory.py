"""Memory is given back after work, and not again where there was none."""

import asyncio

from handshape.serving.api import memory


def test_it_is_given_back_after_work_alone(monkeypatch):
    given, worked = [], [0.0]
    monkeypatch.setattr(memory, "memory_trimmer", lambda: lambda: given.append(worked[0]))

    async def watch() -> None:
        task = asyncio.create_task(memory.give_back_memory(lambda: worked[0], every=0.01))
        await asyncio.sleep(0.1)
        assert given == []
        worked[0] = 3
        while not given:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(watch())
    assert given == [3]


def test_where_the_c_library_cannot_it_ends(monkeypatch):
    monkeypatch.setattr(memory, "memory_trimmer", lambda: None)
    asyncio.run(asyncio.wait_for(memory.give_back_memory(lambda: 0.0), 5))


def test_what_this_system_has_can_be_called():
    trim = memory.memory_trimmer()
    assert trim is None or trim() in (0, 1)
