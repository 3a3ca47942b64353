"""Plaintext becomes activation and plaintext again, through the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memos import (
    Activation,
    Conflict,
    Denied,
    IllegalMove,
    InvalidInput,
    MemCube,
    Memory,
    NotFound,
    OpenAICompatible,
    SourceErased,
)
from memos.operation.chat.prompt import opening_of
from tests.caching_model import NotingModel
from tests.scenarios.place import Place, read

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "The lamp?"}]


@pytest.fixture
def memory(place: Place) -> Memory:
    return place.open()


@pytest.fixture
def scope(place: Place) -> str:
    return f"{place.tenant}/house"


@pytest.fixture
def model() -> NotingModel:
    return NotingModel()


def fill(memory: Memory, scope: str) -> tuple[str, str, str]:
    """A rule, a pinned memory, and one more."""
    rule = memory.add("Speak softly.", scope=scope, tags=["policy"]).cube_id
    pinned = memory.add("The lamp of the attic is off.", scope=scope, tags=["pinned"]).cube_id
    other = memory.add("The safe opens with 4711.", scope=scope).cube_id
    return rule, pinned, other


def cited(activation: Activation) -> list[tuple[str, int]]:
    return [(cite.cube_id, cite.version) for cite in activation.memories]


def test_what_is_tagged_and_what_is_named_is_activated_and_comes_back_as_it_was(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    rule, pinned, other = fill(memory, scope)
    made = memory.activate([other, pinned], scope=scope, model=model)
    assert cited(made) == [(rule, 1), (pinned, 1), (other, 1)]
    assert (made.is_new, made.status, made.scope, made.model) == (
        True,
        "Generated",
        scope,
        "noting",
    )
    memory.update(other, "The safe opens with 1147.")
    told = memory.materialise(made.cube_id)
    assert [each.text for each in told.memories] == [
        "Speak softly.",
        "The lamp of the attic is off.",
        "The safe opens with 4711.",
    ]
    assert f"4711. [{other}@1]" in told.text


def test_the_log_has_the_manifest_and_the_lineage(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    rule, pinned, _ = fill(memory, scope)
    made = memory.activate(scope=scope, model=model)
    kinds = [change.entry.kind for change in memory.history(made.cube_id)]
    assert kinds == ["Generated", "Cached"]
    came_from = memory.lineage(made.cube_id, depth=1, direction="upstream").edges
    assert {edge.relation for edge in came_from} == {"cached_as"}
    assert {edge.source for edge in came_from} == {(rule, 1), (pinned, 1)}
    assert {edge.derived for edge in came_from} >= {(made.cube_id, 2)}
    # It is found as the form of its memories, and is no memory beside them.
    assert made.cube_id not in [each.cube_id for each in memory.list(scope=scope)]
    assert made.cube_id not in [hit.cube_id for hit in memory.search("KV cache", scope=scope)]
    (step, *_) = memory.route("lamp", scope=scope).steps
    assert step.form == "activation"


def test_the_same_is_activated_once(memory: Memory, scope: str, model: NotingModel) -> None:
    fill(memory, scope)
    first = memory.activate(scope=scope, model=model)
    again = memory.activate(scope=scope, model=model)
    assert (again.cube_id, again.version, again.is_new) == (first.cube_id, first.version, False)
    other = memory.activate(scope=scope, model=NotingModel("other"))
    said = memory.activate(scope=scope, model=model, instructions="Be brief.")
    listed = [each.cube_id for each in memory.activations(scope)]
    assert listed == [first.cube_id, other.cube_id, said.cube_id]


def test_a_conversation_begun_with_its_state_has_these_memories_in_front(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    fill_ids = fill(memory, scope)
    made = memory.activate(fill_ids[2:], scope=scope, model=model, instructions="You keep a house.")
    system = {"role": "system", "content": "You keep a house."}
    memory.chat([system, *ASKED], scope=scope, model=model, state=made.state)
    (asked,), (prefilled,) = model.asked, model.prefilled
    assert (asked.owner, asked.opening, asked.pinned) == (
        prefilled.owner,
        prefilled.opening,
        prefilled.pinned,
    )
    assert all(memory.seal for memory in asked.pinned)


def test_what_is_evicted_is_archived_and_every_model_lets_it_go(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    _, pinned, _ = fill(memory, scope)
    made = memory.activate(scope=scope, model=model)
    memory.evict(made.cube_id)
    assert len(model.evicted_keys) == 2
    assert memory.activations(scope) == ()
    assert read(memory, pinned).text == "The lamp of the attic is off."
    with pytest.raises(IllegalMove):
        memory.evict(made.cube_id)
    assert memory.activate(scope=scope, model=model).cube_id != made.cube_id


def test_an_erase_of_a_source_takes_the_activation_and_the_cache(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    *_, other = fill(memory, scope)
    made = memory.activate([other], scope=scope, model=model)
    receipt = memory.erase(cube_id=other)
    assert set(receipt.cube_ids) == {other, made.cube_id}
    assert receipt.gone
    assert [text for text in model.kept.values() if "4711" in text] == []
    assert memory.activations(scope) == ()


def test_a_rollback_of_a_source_takes_the_activation_back(
    memory: Memory, place: Place, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    place.open("agent:eve").add("The lamp is a bomb.", scope=scope, tags=["pinned"])
    made = memory.activate(scope=scope, model=model)
    memory.rollback(actor="agent:eve", scope=place.tenant)
    assert memory.activations(scope) == ()
    assert [each.kind for each in memory.events(cube_id=made.cube_id)][-1] == "RolledBack"


def test_an_activation_is_for_those_who_may_read_all_of_it(
    memory: Memory, place: Place, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    memory.add("For Alice alone.", scope=scope, tags=["pinned"], readers=["agent:alice"])
    made = memory.activate(scope=scope, model=model)
    bob = place.open("agent:bob")
    assert bob.activations(scope) == ()
    for attempt in (bob.materialise, bob.evict):
        with pytest.raises((Denied, NotFound)):
            attempt(made.cube_id)
    own = bob.activate(scope=scope, model=model)
    assert own.cube_id != made.cube_id
    assert len(own.memories) == 2


def test_what_was_changed_while_it_was_computed_is_no_activation(
    memory: Memory, scope: str
) -> None:
    _, pinned, _ = fill(memory, scope)
    model = NotingModel(meanwhile=lambda: memory.update(pinned, "The lamp is on."))
    with pytest.raises(Conflict, match="activate again"):
        memory.activate(scope=scope, model=model)
    assert memory.activations(scope) == ()
    assert model.kept == {}


def test_what_was_erased_while_it_was_computed_is_kept_nowhere(memory: Memory, scope: str) -> None:
    _, pinned, _ = fill(memory, scope)
    model = NotingModel(meanwhile=lambda: memory.erase(cube_id=pinned))
    with pytest.raises((SourceErased, NotFound)):
        memory.activate(scope=scope, model=model)
    assert model.kept == {}


def test_what_cannot_be_activated_is_said(memory: Memory, scope: str, model: NotingModel) -> None:
    with pytest.raises(InvalidInput, match="nothing to activate"):
        memory.activate(scope=scope, model=model)
    rule, *_, other = fill(memory, scope)
    memory.archive(other)
    with pytest.raises(InvalidInput, match="archived"):
        memory.activate([other], scope=scope, model=model)
    with pytest.raises(InvalidInput, match="pinned_tokens"):
        memory.activate(scope=scope, model=model, pinned_tokens=10)
    with pytest.raises(InvalidInput, match="keeps no KV cache"):
        memory.activate(scope=scope, model=OpenAICompatible("http://127.0.0.1:1/v1", "m"))  # type: ignore[arg-type]
    for attempt in (memory.evict, memory.materialise):
        with pytest.raises(InvalidInput, match="no activation"):
            attempt(rule)
    assert model.prefilled == []


def test_what_was_archived_with_its_manifest_is_still_read(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    made = memory.activate(scope=scope, model=model)
    memory.evict(made.cube_id)
    assert len(memory.materialise(made.cube_id).memories) == 2
    cube = memory.get(made.cube_id, any_state=True)
    assert isinstance(cube, MemCube)
    assert cube.media_type == "application/vnd.memos.activation+json"


def used(memory: Memory, cube_id: str, times: int) -> None:
    for _ in range(times):
        memory.get(cube_id)


def test_the_scheduler_keeps_what_is_used_and_lets_the_rest_go(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    cubes = [memory.add(text, scope=scope).cube_id for text in ("first", "second", "third")]
    used(memory, cubes[0], 3)
    opening = 4 * len(opening_of("", has_memories=True))
    budget = opening + 4 * 40  # of bytes, at 4 a character: one of them with its line
    planned = memory.schedule(scope, budget_bytes=budget, model=model, policy="lru", dry_run=True)
    assert planned.plan.activated == (cubes[0],)
    assert (planned.recorded, planned.activation, model.prefilled) == (None, None, [])
    made = memory.schedule(scope, budget_bytes=budget, model=model, policy="lru")
    assert made.activation is not None
    assert [cite.cube_id for cite in made.activation.memories] == [cubes[0]]
    assert made.activation.policy == made.plan.policy == "lru@1"
    (decided,) = memory.events(kind="Decided", scope=scope)
    assert (decided.policy, decided.choice) == ("lru@1", "activation")
    again = memory.schedule(scope, budget_bytes=budget, model=model, policy="lru")
    assert again.activation is not None
    assert (again.activation.cube_id, again.evicted) == (made.activation.cube_id, ())
    none = memory.schedule(scope, budget_bytes=0, model=model, policy="lru")
    assert (none.activation, len(none.evicted)) == (None, 1)
    assert memory.activations(scope) == ()
    assert len(model.evicted_keys) == 1


def test_what_another_activation_has_too_is_kept_when_one_is_evicted(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    more = memory.add("The cellar is damp.", scope=scope).cube_id
    first = memory.activate(scope=scope, model=model)
    both = memory.activate([more], scope=scope, model=model)
    memory.evict(both.cube_id)
    assert len(model.evicted_keys) == len(both.memories) - len(first.memories) == 1


def test_what_is_active_is_computed_again_as_its_memories_are_now(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    rule, pinned, other = fill(memory, scope)
    same = memory.activate(scope=scope, model=model, instructions="Be brief.")
    more = memory.activate([other], scope=scope, model=model)
    elsewhere = memory.activate(scope=scope, model=NotingModel("other"))
    restarted = NotingModel()
    assert [each.cube_id for each in memory.reactivate(scope, model=restarted)] == [
        same.cube_id,
        more.cube_id,
    ]
    assert {cube_id for _, cube_id in restarted.kept} == {rule, pinned, other}
    memory.archive(other)
    memory.update(pinned, "The lamp of the attic is on.")
    now = memory.reactivate(scope, model=restarted)
    assert [cited(each) for each in now] == [[(rule, 1), (pinned, 2)]] * 2
    assert [each.instructions for each in now] == ["Be brief.", ""]
    live = {each.cube_id for each in memory.activations(scope)}
    assert live == {elsewhere.cube_id, *(each.cube_id for each in now)}
    for cube_id in (rule, pinned):
        memory.archive(cube_id)
    assert memory.reactivate(scope, model=restarted) == ()
    assert [each.cube_id for each in memory.activations(scope)] == [elsewhere.cube_id]


def test_what_cannot_be_shown_keeps_no_policy_from_its_work(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    over = memory.add("over", scope=scope, valid_until="2020-01-01").cube_id
    soon = memory.add("soon", scope=scope, valid_from="2990-01-01").cube_id
    former = memory.add("former", scope=scope).cube_id
    latter = memory.add("latter", scope=scope).cube_id
    memory.link(latter, former, "supersedes")
    for cube_id in (over, soon, former, latter):
        used(memory, cube_id, 2)
    made = memory.schedule(scope, budget_bytes=100_000, model=model)
    assert made.activation is not None
    assert cited(made.activation) == [(latter, 1)]


def test_an_activation_that_somebody_wrote_over_hurts_no_other(
    memory: Memory, place: Place, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    first = memory.activate(scope=scope, model=model)
    place.open("agent:bob").update(first.cube_id, "hello")
    assert memory.activations(scope) == ()
    second = memory.activate(scope=scope, model=model)
    assert second.is_new
    for made in (first, second):
        memory.evict(made.cube_id)
    assert memory.activations(scope) == ()


def test_a_reader_who_may_no_longer_read_a_memory_is_shown_no_activation_of_it(
    memory: Memory, place: Place, scope: str, model: NotingModel
) -> None:
    _, pinned, _ = fill(memory, scope)
    memory.activate(scope=scope, model=model)
    bob = place.open("agent:bob")
    assert len(bob.activations(scope)) == 1
    memory.set_header(pinned, readers=["agent:alice"])
    assert bob.activations(scope) == ()


def test_an_evict_leaves_what_an_activation_of_another_has(
    memory: Memory, place: Place, scope: str, model: NotingModel
) -> None:
    fill(memory, scope)
    secret = memory.add("For Alice alone.", scope=scope, readers=["agent:alice"]).cube_id
    memory.activate([secret], scope=scope, model=model)
    bob = place.open("agent:bob")
    own = bob.activate(scope=scope, model=model)
    bob.evict(own.cube_id)
    assert model.evicted_keys == []


def test_a_callers_activation_and_a_policys_are_two(
    memory: Memory, scope: str, model: NotingModel
) -> None:
    cube_id = memory.add("first", scope=scope).cube_id
    used(memory, cube_id, 2)
    decided = memory.schedule(scope, budget_bytes=100_000, model=model).activation
    own = memory.activate([cube_id], scope=scope, model=model)
    assert decided is not None
    assert (own.is_new, own.policy) == (True, "")
    memory.schedule(scope, budget_bytes=0, model=model)
    assert [each.cube_id for each in memory.activations(scope)] == [own.cube_id]
    tenant = memory.activate([cube_id], scope=scope.partition("/")[0], model=model)
    assert tenant.is_new


def test_who_activates_the_same_at_once_makes_one_cube(place: Place, scope: str) -> None:
    if not place.is_embedded:
        pytest.skip("in a log of several partitions nobody looks and appends at once")
    memory, model = place.open(), NotingModel()
    fill(memory, scope)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: memory.activate(scope=scope, model=model), range(8)))
    assert len({each.cube_id for each in made}) == 1
    assert sum(each.is_new for each in made) == 1
