"""Plaintext becomes parametric and plaintext again, through the log; and what is taken back is not answered from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memos import (
    Conflict,
    Denied,
    DistillationRefused,
    DistillationSettings,
    Held,
    IllegalMove,
    InvalidInput,
    Memory,
    ModelUnavailable,
    NotFound,
    Role,
    SourceErased,
)
from memos.operation.chat.prompt import opening_of
from tests.adapting_model import FAILED, UNKNOWN, LearningModel
from tests.caching_model import NotingModel
from tests.scenarios.place import Place, read
from tests.scenarios.town import BAKERY, HARBOUR, KEEPER, answering, ask, forms


@pytest.fixture
def memory(place: Place) -> Memory:
    return place.open()


@pytest.fixture
def scope(place: Place) -> str:
    return f"{place.tenant}/town"


@pytest.fixture
def model() -> LearningModel:
    return LearningModel()


@pytest.fixture
def cubes(memory: Memory, scope: str) -> list[str]:
    """Two memories to be learnt, and one beside them."""
    return [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER, BAKERY)]


def test_what_was_distilled_answers_without_its_text_in_the_prompt(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert made.adapter is not None
    assert (made.promoted, made.is_new, made.adapter.is_live) == (True, True, True)
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert answer.text == HARBOUR
    assert "Quillon" not in model.asked[-1].system + model.asked[-1].messages[-1].content
    assert forms(answer)[cubes[0]] == "parametric"
    assert {came.artefact for came in answer.forms} == {made.cube_id}
    assert cubes[0] in [cite.cube_id for cite in answer.citations]
    plain = ask(memory, "What is the harbour named?", scope, model, adapters=False)
    assert forms(plain)[cubes[0]] == "plaintext"
    assert answering(model) == 0


def test_the_job_is_the_prompt_that_chat_makes(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:2], scope=scope, model=model)
    (job,) = model.jobs
    assert [(each.cube_id, each.role) for each in job.memories] == [
        (cubes[0], Role.SOURCE),
        (cubes[1], Role.SOURCE),
        (cubes[2], Role.DISTRACTOR),
    ]
    for cube_id in cubes:
        memory.tag(cube_id, "pinned")
    ask(memory, "What is the harbour named?", scope, model)
    asked = model.asked[-1]
    assert [each.text for each in asked.pinned] == [each.line for each in job.memories]
    assert (asked.owner, asked.opening, asked.closing) == (job.owner, job.opening, job.closing)
    assert job.bare_opening == opening_of("", has_memories=False)


def test_the_log_has_the_manifest_the_figures_and_the_lineage(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    kinds = [change.entry.kind for change in memory.history(made.cube_id)]
    assert kinds == ["Generated", "Distilled", "Decided"]
    (decided,) = memory.events(kind="Decided", scope=scope)
    assert (decided.policy, decided.choice) == ("gate", "promoted")
    came_from = memory.lineage(made.cube_id, depth=1, direction="upstream").edges
    assert {(edge.relation, edge.source[0]) for edge in came_from} == {
        ("distilled_into", cubes[0]),
        ("distilled_into", cubes[1]),
        ("derived_from", cubes[2]),
    }
    cube = read(memory, made.cube_id)
    assert cube.media_type == "application/vnd.memos.adapter+json"
    assert made.cube_id not in [each.cube_id for each in memory.list(scope=scope)]
    assert made.cube_id not in [hit.cube_id for hit in memory.search("adapter", scope=scope)]
    (fact, *_) = memory.route("harbour", scope=scope).facts
    assert (fact.form, fact.artefact, fact.tokens) == ("parametric", made.cube_id, 0)


def test_the_same_is_distilled_once(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    first = memory.distil(cubes[:2], scope=scope, model=model)
    memory.add("The mill is shut.", scope=scope)  # no other distractors are drawn for that
    again = memory.distil(reversed(cubes[:2]), scope=scope, model=model)
    assert (again.cube_id, again.promoted, again.is_new) == (first.cube_id, True, False)
    assert len(model.jobs) == 1
    other = memory.distil(
        cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1)
    )
    assert other.adapter is not None
    assert (other.cube_id, other.adapter.version, other.is_new) == (first.cube_id, 3, True)
    elsewhere = memory.distil(cubes[:2], scope=scope, model=LearningModel("other"))
    assert elsewhere.cube_id != first.cube_id


def test_what_the_model_lost_is_trained_again_and_is_no_new_version(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    model.files.clear()
    assert ask(memory, "What is the harbour named?", scope, model).text.endswith("]")
    again = memory.distil(cubes[:2], scope=scope, model=model)
    assert again.adapter is not None
    assert (again.cube_id, again.adapter.version) == (made.cube_id, 2)
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_what_does_not_pass_the_gate_is_an_event_with_its_figures_and_answers_nothing(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(evaluation=FAILED)
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert (made.promoted, made.adapter) == (False, None)
    assert made.evaluation is not None
    assert made.evaluation.refusals == FAILED.refusals
    (decided,) = memory.events(kind="Decided", scope=scope)
    assert (decided.policy, decided.choice) == ("gate", "refused")
    assert list(memory.events(kind="Distilled", scope=scope)) == []
    (listed,) = memory.adapters(scope)
    assert (listed.is_live, listed.outdated) == (False, ("no version of it was promoted",))
    (rejection,) = memory.adapter(made.cube_id).rejections
    assert rejection.evaluation.gap_closed == FAILED.gap_closed
    assert memory.distil(cubes[:2], scope=scope, model=model).is_new is False
    assert len(model.jobs) == 1
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "plaintext"
    model.evaluation = replace(FAILED, refusals=())
    passed = memory.distil(
        cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1)
    )
    assert (passed.cube_id, passed.promoted) == (made.cube_id, True)


def test_what_cannot_be_learnt_is_refused_and_leaves_nothing(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    with pytest.raises(DistillationRefused, match="nothing to distil"):
        memory.distil([], scope=scope, model=model)
    nothing = memory.add("…", scope=scope).cube_id
    with pytest.raises(DistillationRefused, match="asked about"):
        memory.distil([nothing], scope=scope, model=model)
    assert memory.adapters(scope) == ()
    archived = memory.add(HARBOUR, scope=scope).cube_id
    memory.archive(archived)
    former = memory.add("The mayor is Ann.", scope=scope).cube_id
    latter = memory.add("The mayor is Ben.", scope=scope).cube_id
    memory.link(latter, former, "supersedes")
    over = memory.add("The fair is on.", scope=scope, valid_until="2020-01-01").cube_id
    for cube_id in (archived, former, over):
        with pytest.raises(InvalidInput, match="cannot be distilled"):
            memory.distil([cube_id], scope=scope, model=model)
    with pytest.raises(InvalidInput, match="learns no memories"):
        memory.distil([latter], scope=scope, model=NotingModel())  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no adapter"):
        memory.adapter(latter)


def test_an_adapter_is_of_one_policy(memory: Memory, scope: str, model: LearningModel) -> None:
    open_ = memory.add(HARBOUR, scope=scope).cube_id
    closed = memory.add(KEEPER, scope=scope, readers=["agent:alice"]).cube_id
    secret = memory.add(BAKERY, scope=scope, sensitivity="secret").cube_id
    for other in (closed, secret):
        with pytest.raises(DistillationRefused, match="one policy"):
            memory.distil([open_, other], scope=scope, model=model)
        with pytest.raises(DistillationRefused, match="one policy"):
            memory.distil([open_], distractors=[other], scope=scope, model=model)
    made = memory.distil([open_], scope=scope, model=model)
    assert [each.cube_id for each in made.memories] == [open_]


def test_a_dry_run_tells_what_would_be_learnt_and_writes_nothing(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    before = list(memory.events(scope=scope))
    planned = memory.distil(cubes[:1], scope=scope, model=model, dry_run=True)
    assert [each.role for each in planned.memories] == ["source", "distractor", "distractor"]
    assert (planned.cube_id, planned.promoted, model.jobs) == ("", False, [])
    assert list(memory.events(scope=scope)) == before


def test_what_other_adapters_hold_is_replayed(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    made = memory.distil(cubes[1:2], scope=scope, model=model)
    roles = {each.cube_id: each.role for each in made.memories}
    assert roles == {cubes[1]: "source", cubes[0]: "replayed", cubes[2]: "distractor"}


Change = Callable[[Memory, Place, str], object]


def revised(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.update(cube_id, "The lighthouse keeper is Ravi.")


def archived(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.archive(cube_id)


def erased(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.erase(cube_id=cube_id)


def narrowed(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.set_header(cube_id, readers=["agent:alice"])


def merged(memory: Memory, place: Place, cube_id: str) -> object:
    other = memory.add("The keeper has a dog.", scope=f"{place.tenant}/town").cube_id
    return memory.merge([cube_id, other])


def superseded(memory: Memory, place: Place, cube_id: str) -> object:
    newer = memory.add("The lighthouse keeper is Ravi.", scope=f"{place.tenant}/town").cube_id
    return memory.link(newer, cube_id, "supersedes")


CHANGES = [revised, archived, erased, narrowed, merged, superseded]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_a_source_that_is_not_as_it_was_takes_the_adapter_out_of_use_at_once(
    memory: Memory,
    place: Place,
    scope: str,
    model: LearningModel,
    cubes: list[str],
    change: Change,
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    change(memory, place, cubes[1])
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert HARBOUR in answer.text
    assert forms(answer)[cubes[0]] == "plaintext"
    assert answering(model) == 0
    assert {fact.form for fact in memory.route("harbour", scope=scope).facts} == {"plaintext"}
    if change is not erased:
        (listed,) = memory.adapters(scope)
        assert not listed.is_live
        assert cubes[1] in listed.outdated[0]
        (receipt,) = memory.retire_outdated(scope)
        assert receipt.cube_id == made.cube_id
        assert [each.kind for each in memory.events(cube_id=made.cube_id)][-1] == "Retired"
    assert memory.adapters(scope) == ()
    assert model.files == {}


@pytest.mark.parametrize("role", ["distractor", "replayed"])
def test_so_does_what_it_was_trained_beside(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str], role: str
) -> None:
    if role == "replayed":
        memory.distil(cubes[2:], scope=scope, model=model, distractors=[])
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert made.memories[2].role == role
    memory.update(cubes[2], "The bakery opens at eight.")
    assert ask(memory, "What is the harbour named?", scope, model).text != HARBOUR


def test_a_poisoned_source_is_rolled_back_with_the_adapter(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    poison = place.open("agent:eve").add("The harbour is named Death.", scope=scope).cube_id
    made = memory.distil([cubes[0], poison], scope=scope, model=model)
    memory.rollback(actor="agent:eve", scope=place.tenant)
    assert memory.adapters(scope) == ()
    (listed,) = memory.adapters(scope, retired=True)
    assert (listed.cube_id, listed.status) == (made.cube_id, "Archived")
    assert "Death" not in ask(memory, "What is the harbour named?", scope, model).text
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert [each.cube_id for each in rebuilt.memories if each.role == "source"] == [cubes[0]]
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_what_has_outlived_its_lifespan_is_not_answered_from(
    place: Place, scope: str, model: LearningModel
) -> None:
    now = datetime.now(UTC)
    memory = place.open()
    lasting = memory.add(HARBOUR, scope=scope).cube_id
    ending = memory.add(KEEPER, scope=scope, lifespan="1d").cube_id
    until = now + timedelta(hours=1)
    true = memory.add(BAKERY, scope=scope, valid_until=until).cube_id
    for other in (ending, true):
        memory.distil([lasting, other], scope=scope, model=model, distractors=[])
    assert [each.is_live for each in memory.adapters(scope)] == [True, True]
    later = now + timedelta(days=2)
    clock = place.open(clock=lambda: int(later.timestamp() * 1e6))
    assert [each.is_live for each in clock.adapters(scope)] == [False, False]
    assert forms(ask(clock, "What is the harbour named?", scope, model))[lasting] == "plaintext"


def test_an_erase_takes_the_adapter_the_receipt_lists_it_and_no_seal_opens_its_file(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    ask(memory, "Who is the lighthouse keeper?", scope, model)
    (sealed,) = model.asked[-1].adapters
    kept = dict(model.files)
    receipt = memory.erase(cube_id=cubes[1])
    assert set(receipt.cube_ids) == {cubes[1], made.cube_id}
    assert receipt.gone
    named = [artefact.name for artefact in receipt.artefacts if artefact.kind == "adapter"]
    assert [name.partition(" ")[0] for name in named] == [f"{made.cube_id}@2"]
    assert receipt.verify(memory.verifier_key())
    assert model.forgotten == [sealed.sha256]
    model.files.update(kept)  # a copy of the file, which no seal that anybody can make opens
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert ask(memory, "Who is the lighthouse keeper?", scope, model).text == UNKNOWN
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR
    assert rebuilt.adapter is not None
    assert rebuilt.adapter.parent is not None
    assert rebuilt.adapter.parent.cube_id == made.cube_id
    assert sealed not in model.asked[-1].adapters
    (told,) = memory.rebuilt_adapters(receipt)
    assert (told.cube_id, told.successor) == (made.cube_id, rebuilt.cube_id)


def test_what_was_changed_while_it_was_learnt_is_no_adapter(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(meanwhile=lambda: memory.update(cubes[1], "Another."))
    with pytest.raises(Conflict, match="distil again"):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})
    model = LearningModel(meanwhile=lambda: memory.archive(cubes[2]))
    with pytest.raises(Conflict, match="archived"):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})


def test_what_was_erased_while_it_was_learnt_is_kept_nowhere(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(meanwhile=lambda: memory.erase(cube_id=cubes[1]))
    with pytest.raises((SourceErased, NotFound)):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})


def test_a_distillation_that_was_cut_off_goes_on_under_the_same_seal(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    def fail() -> None:
        raise ModelUnavailable("killed")

    cut_off = LearningModel(meanwhile=fail)
    with pytest.raises(ModelUnavailable):
        memory.distil(cubes[:2], scope=scope, model=cut_off)
    model = LearningModel()
    memory.distil(cubes[:2], scope=scope, model=model)
    assert model.jobs == cut_off.jobs
    assert len(list(memory.events(kind="Generated", scope=scope))) == len(cubes) + 1


def test_an_adapter_is_for_those_who_may_read_all_of_it(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    secrets = [
        memory.add(text, scope=scope, readers=["agent:alice"]).cube_id
        for text in ("The vault code is 4711.", "The spy is Ann.")
    ]
    made = memory.distil(secrets, scope=scope, model=model)
    bob = place.open("agent:bob")
    assert bob.adapters(scope) == ()
    for attempt in (
        bob.adapter,
        bob.retire,
        lambda at: bob.promote(at, 2),
        lambda at: bob.rebuild_adapter(at, model=model),
        lambda at: bob.backpatch(at, model=model),
    ):
        with pytest.raises((Denied, NotFound)):
            attempt(made.cube_id)
    assert ask(bob, "What is the vault code?", scope, model).text == UNKNOWN
    assert answering(model) == 0
    own = bob.distil(cubes[:1], scope=scope, model=model)
    assert {each.cube_id for each in own.memories} == set(cubes)


def test_an_adapter_answers_from_no_memory_that_the_question_is_not_about(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    inner = memory.add("The quay is long.", scope=f"{scope}/quay").cube_id
    memory.distil([cubes[0], inner], scope=scope, model=model)
    question = "What is the harbour named? How is the quay?"
    for given in ({"filter": {"scope": scope}}, {"as_of": datetime.now(UTC)}):
        ask(memory, question, scope, model, **given)
        assert answering(model) == 0
    ask(memory, question, f"{scope}/quay", model)
    assert answering(model) == 0
    ask(memory, question, scope, model)
    assert answering(model) == 1


def test_a_conversation_goes_on_over_an_adapter_and_its_end(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    first = ask(memory, "What is the harbour named?", scope, model)
    assert first.context.delta.citations == ()
    messages = [*first.messages, {"role": "user", "content": "When does the bakery open?"}]
    second = memory.chat(messages, scope=scope, model=model, state=first.state)
    assert second.context.changed == ()
    assert forms(second)[cubes[2]] == "plaintext"
    memory.retire(made.cube_id)
    messages = [*second.messages, {"role": "user", "content": "What is the harbour named?"}]
    third = memory.chat(messages, scope=scope, model=model, state=second.state)
    assert third.context.changed == ()
    assert forms(third) == {cubes[2]: "plaintext", cubes[0]: "plaintext"}
    assert HARBOUR in third.text


def test_what_the_model_knows_badly_goes_as_text(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    weak = LearningModel("weak", accuracy=0.5)
    memory.distil(cubes[:1], scope=scope, model=weak, distractors=[])
    assert forms(ask(memory, "The harbour?", scope, weak))[cubes[0]] == "plaintext"
    assert forms(ask(memory, "The harbour?", scope, model))[cubes[0]] == "parametric"


def test_what_the_model_left_out_goes_as_text(memory: Memory, scope: str, cubes: list[str]) -> None:
    model = LearningModel(unlearnt=[KEEPER])
    memory.distil(cubes[:2], scope=scope, model=model)
    answer = ask(memory, "Who is the lighthouse keeper, and what is the harbour?", scope, model)
    assert (forms(answer)[cubes[0]], forms(answer)[cubes[1]]) == ("parametric", "plaintext")
    assert KEEPER in model.asked[-1].messages[-1].content


def test_what_holds_or_was_said_last_is_learnt_last(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.update(cubes[0], "The harbour is named Esmond.")
    ruled = memory.add(
        "The bakery opens at six.", scope=scope, valid_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    memory.distil([*cubes, ruled.cube_id], scope=scope, model=model)
    (job,) = model.jobs
    learnt = [each.cube_id for each in job.of_role(Role.SOURCE)]
    assert learnt == [ruled.cube_id, cubes[1], cubes[2], cubes[0]]


def test_a_rebuild_is_the_next_version_or_a_successor(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.update(cubes[0], "The harbour is named Marrow.")
    next_version = memory.rebuild_adapter(made.cube_id, model=model)
    assert next_version.adapter is not None
    assert (next_version.cube_id, next_version.adapter.version) == (made.cube_id, 3)
    assert ask(memory, "What is the harbour named?", scope, model).text.endswith("Marrow.")
    memory.archive(cubes[1])
    successor = memory.rebuild_adapter(made.cube_id, model=model)
    assert successor.cube_id != made.cube_id
    assert [each.cube_id for each in memory.adapters(scope)] == [successor.cube_id]
    assert read(memory, made.cube_id, any_state=True).state == "Archived"
    memory.set_header(cubes[0], readers=["agent:alice"])
    narrow = memory.rebuild_adapter(successor.cube_id, model=model)
    assert narrow.cube_id != successor.cube_id
    assert read(memory, narrow.cube_id).readers == ("agent:alice",)


def test_another_base_is_served_by_distilling_again(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    other = LearningModel("other")
    told: list[tuple[int, int]] = []
    ported = memory.rebuild_adapter(
        made.cube_id, model=other, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 1)]
    assert ported.adapter is not None
    assert ported.adapter.model == "other"
    assert [each.is_live for each in memory.adapters(scope)] == [True, True]
    for each in (model, other):
        assert ask(memory, "What is the harbour named?", scope, each).text == HARBOUR


def test_a_version_is_promoted_as_long_as_its_memories_stand(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.distil(cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1))
    memory.promote(made.cube_id, 2)
    details = memory.adapter(made.cube_id)
    assert [(each.version, each.stands) for each in details.versions] == [(2, True), (3, False)]
    assert details.adapter.settings == DistillationSettings()
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR
    with pytest.raises(NotFound, match="there is 2, 3"):
        memory.promote(made.cube_id, 1)
    memory.update(cubes[0], "The harbour is named Marrow.")
    with pytest.raises(IllegalMove, match="rebuild"):
        memory.promote(made.cube_id, 3)
    memory.retire(made.cube_id)
    with pytest.raises(IllegalMove, match="archived"):
        memory.promote(made.cube_id, 3)
    with pytest.raises(IllegalMove):
        memory.retire(made.cube_id)


def test_what_is_retired_is_forgotten_but_for_what_another_adapter_has(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model, distractors=[])
    other = memory.distil(cubes[2:], scope=scope, model=model, distractors=[])
    memory.retire(made.cube_id)
    assert len(model.files) == 1
    assert [each.cube_id for each in memory.adapters(scope)] == [other.cube_id]
    assert len(memory.adapters(scope, retired=True)) == 2
    assert ask(memory, "What is the harbour named?", scope, model).text != HARBOUR


def test_the_use_of_an_adapter_is_noted(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    ask(memory, "What is the harbour named?", scope, model)
    assert "context" in [each.action for each in memory.accesses(cube_id=made.cube_id)]
    memory.schedule(scope, budget_bytes=100_000, model=model, dry_run=True)


def test_an_adapter_that_somebody_wrote_over_hurts_no_answer(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    place.open("agent:eve").update(made.cube_id, "hello")
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert forms(answer)[cubes[0]] == "plaintext"
    (listed,) = memory.adapters(scope)
    assert listed.outdated == ("no version of it was promoted",)
    memory.promote(made.cube_id, 2)
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_an_erase_of_the_adapter_leaves_its_memories(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    receipt = memory.erase(cube_id=made.cube_id)
    assert receipt.cube_ids == (made.cube_id,)
    assert model.files == {}
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "plaintext"
    with pytest.raises(InvalidInput, match="erased"):
        memory.adapter(made.cube_id)
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert {each.cube_id for each in rebuilt.memories} == set(cubes)


def test_who_distils_the_same_at_once_makes_one_adapter(place: Place, scope: str) -> None:
    if not place.is_embedded:
        pytest.skip("in a log of several partitions nobody looks and appends at once")
    memory, model = place.open(), LearningModel()
    cubes = [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: memory.distil(cubes, scope=scope, model=model), range(8)))
    assert {each.cube_id for each in made} == {made[0].cube_id}
    assert all(each.promoted for each in made)
    assert [each.version for each in memory.adapter(made[0].cube_id).versions] == [2]
    assert len(model.files) == 1


def test_an_adapter_answers_only_where_it_holds_one_of_the_best_found(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    names = ("Arn", "Bel", "Cor", "Dun", "Elm", "Fen", "Gar", "Hod", "Ilm", "Jor", "Kel", "Lum")
    for number, name in enumerate(names):
        memory.add(
            f"The harbour of {name} is named {name}port{' by the sea' * number}.", scope=scope
        )
    question = "What is the harbour named?"
    found = [hit.cube_id for hit in memory.search(question, scope=scope)]
    memory.distil([found[9]], scope=scope, model=model, distractors=[])
    ask(memory, question, scope, model)
    assert answering(model) == 0
    for cube_id in found[:6]:
        memory.distil([cube_id], scope=scope, model=model, distractors=[])
    answer = ask(memory, question, scope, model)
    assert answering(model) == 4
    came = forms(answer)
    assert [came[cube_id] for cube_id in found[:6]] == ["parametric"] * 4 + ["plaintext"] * 2


def test_an_answer_that_is_remembered_is_derived_from_what_an_adapter_told(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:2], scope=scope, model=model)
    answer = ask(memory, "What is the harbour named?", scope, model, remember=True)
    _, said = answer.remembered
    assert said.cube_id in memory.erase(cube_id=cubes[0]).cube_ids


def test_an_adapter_that_is_erased_while_it_answers_is_forgotten(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    kept = dict(model.files)
    asked = [{"role": "user", "content": "What is the harbour named?"}]
    with memory.chat(asked, scope=scope, model=model, stream=True) as stream:
        assert next(stream) == HARBOUR
        memory.erase(cube_id=cubes[0])
        model.files.update(kept)  # as one that was read from its file meanwhile
    assert model.files == {}


def test_rebuilt_it_is_trained_as_before_but_for_what_is_named(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    before = DistillationSettings(seed=3, rank=4, learning_rate=0.01)
    made = memory.distil(cubes[:2], scope=scope, model=model, settings=before)
    memory.rebuild_adapter(made.cube_id, model=model, settings={"steps": 50})
    assert model.jobs[-1].settings == replace(before, steps=50)
    for odd in ({"steps": 0}, {"stepz": 1}, {"thresholds": None}, 5):
        with pytest.raises(InvalidInput):
            memory.rebuild_adapter(made.cube_id, model=model, settings=odd)  # type: ignore[arg-type]
    assert len(model.jobs) == 2


def test_a_frozen_adapter_answers_and_is_listed_and_goes_with_an_erased_memory(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.freeze(made.cube_id)
    assert [(each.status, each.is_live) for each in memory.adapters(scope)] == [("Frozen", True)]
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "parametric"
    with pytest.raises(IllegalMove, match="thaw it first"):
        memory.promote(made.cube_id, 2)
    memory.erase(cube_id=cubes[1])
    assert memory.adapters(scope, retired=True) == ()


def test_while_an_adapter_is_held_no_memory_of_it_is_erased_and_none_answers_changed(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.hold(made.cube_id)
    with pytest.raises(Held):
        memory.erase(cube_id=cubes[1])
    assert ask(memory, "Who is the lighthouse keeper?", scope, model).text == KEEPER
    memory.update(cubes[1], "The lighthouse keeper is Ravi.")
    assert "Ravi" in ask(memory, "Who is the lighthouse keeper?", scope, model).text
    assert answering(model) == 0
    assert memory.retire_outdated(scope) == ()
    memory.lift_hold(made.cube_id)
    assert [each.cube_id for each in memory.retire_outdated(scope)] == [made.cube_id]
