"""mem0's client for asyncio, unchanged, on a vault."""

from __future__ import annotations

import asyncio

import pytest

from tests.interface.http.mem0.clients import Clients, first_id, texts


async def story(clients: Clients) -> None:
    async with clients.mem0.AsyncMemoryClient(clients.key(), clients.served.address) as client:
        added = first_id(await client.add("I like pottery", user_id="async"))
        await asyncio.gather(*(client.add(f"Number {n}", user_id="async") for n in range(8)))
        filters = {"user_id": "async"}
        assert (await client.get_all(filters=filters, page_size=4))["count"] == 9
        assert texts(await client.search("pottery", filters=filters)) == {"I like pottery"}
        assert (await client.update(added, text="I love pottery"))["memory"] == "I love pottery"
        await client.batch_update([{"memory_id": added, "metadata": {"n": 1}}])
        assert (await client.get(added))["metadata"] == {"n": 1}
        await client.delete(added)
        assert [row["event"] for row in await client.history(added)][-1] == "DELETE"
        with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
            await client.batch_delete([{"memory_id": added}])
        await client.delete_all(user_id="async")
        assert (await client.get_all(filters=filters))["count"] == 0
        with pytest.raises(clients.mem0.exceptions.MemoryError) as refused:
            await client.users()
        assert refused.value.error_code == "HTTP_501"


def test_the_client_for_asyncio_does_the_same(clients: Clients) -> None:
    asyncio.run(story(clients))
