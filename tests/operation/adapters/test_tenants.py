"""A tenant's memory is in no adapter of another tenant, whatever is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos import Memory, MemosError
from memos.infrastructure.chat_models.caching_models import kv_owner
from tests.adapting_model import LearningModel

TENANTS = ("acme", "globex", "initech")
SCOPES = tuple(f"{tenant}/{room}" for tenant in TENANTS for room in ("one", "two")) + TENANTS


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    path = tmp_path_factory.mktemp("tenants") / "test.vault"
    with Memory(path, actor="agent:alice") as opened:
        yield opened


@pytest.fixture(scope="module")
def owned(memory: Memory) -> dict[str, str]:
    """The tenant of each memory."""
    return {
        memory.add(f"The key of {scope} is {number}.", scope=scope).cube_id: scope.partition("/")[0]
        for scope in SCOPES
        for number in range(2)
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_job_and_no_answer_has_a_memory_of_another_tenant(
    memory: Memory, owned: dict[str, str], data: st.DataObject
) -> None:
    model = LearningModel(data.draw(st.sampled_from(["one", "two"])))
    some = st.lists(st.sampled_from(sorted(owned)), unique=True, max_size=4)
    narrowed = data.draw(st.sampled_from([None, *TENANTS]))
    actor = memory if narrowed is None else memory.as_actor("agent:bob", tenant=narrowed)
    for _ in range(data.draw(st.integers(1, 3))):
        scope = data.draw(st.sampled_from(SCOPES))
        with suppress(MemosError):
            actor.distil(
                data.draw(some),
                scope=scope,
                model=model,
                distractors=data.draw(st.none() | some),
            )
    for job in model.jobs:
        tenants = {owned[each.cube_id] for each in job.memories}
        assert len(tenants) == 1
        assert job.owner == kv_owner(memory._session.engine.setting("vault_id"), *tenants)
        assert narrowed is None or tenants == {narrowed}
    for tenant in TENANTS:
        for adapter in memory.adapters(tenant):
            assert {owned[each.cube_id] for each in adapter.memories} == {tenant}
        memory.chat([{"role": "user", "content": "What is the key?"}], scope=tenant, model=model)
        answering = {each.sha256.hex() for each in model.asked[-1].adapters}
        assert answering <= {each.sha256 for each in memory.adapters(tenant)}
