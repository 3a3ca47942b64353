"""Lifespans end by themselves: beside a program, or by a worker beside the servers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from memos import Denied, Forgotten, InvalidInput, Memory, NotFound
from tests.fleet import END_SECONDS, Fleet
from tests.scenarios.place import Place, read
from tests.waiting import wait_until


@contextmanager
def sweeping(place: Place, request: pytest.FixtureRequest) -> Iterator[None]:
    """A sweep of the vault now and then, by what each engine has for that."""
    if place.is_embedded:
        with Memory(place.path, actor="agent:alice", sweep_every="50ms"):
            yield
        return
    fleet: Fleet = request.getfixturevalue("fleet")
    worker = fleet.start("sweep", options=["--every", "0.2"])
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(END_SECONDS) == 0


def test_what_has_outlived_its_lifespan_ends_without_a_call(
    place: Place, memory: Memory, tenant: str, request: pytest.FixtureRequest
) -> None:
    bob = place.open("agent:bob")
    erased = bob.add("brief", scope=tenant, lifespan={"after": "1us", "then": "erase"}).cube_id
    expired = bob.add("brief", scope=tenant, lifespan={"after": "1us", "then": "expire"}).cube_id
    kept = bob.add("kept", scope=tenant, lifespan="90d").cube_id

    def state(cube_id: str) -> str:
        cube = memory.get(cube_id, any_state=True)
        return "Forgotten" if isinstance(cube, Forgotten) else cube.state

    with sweeping(place, request):
        wait_until(lambda: state(erased) == "Forgotten", "an end that erases")
        wait_until(lambda: state(expired) == "Expired", "an end that expires")
        with pytest.raises(NotFound):
            memory.get(expired)
    assert read(memory, kept).state == "Generated"


def test_only_an_administrator_has_a_vault_swept(place: Place, memory: Memory, tenant: str) -> None:
    memory.add("here", scope=tenant)
    with pytest.raises(Denied):
        place.open("agent:eve", sweep_every="1h")
    with pytest.raises(InvalidInput):
        place.open(sweep_every="now and then")
    memory.grant_administrator(tenant, "agent:bob")
    place.open("agent:bob", sweep_every="1h").close()
