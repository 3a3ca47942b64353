from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memos import AsyncMemory, Denied, InvalidInput, MemCube, Memory, NotFound, Receipt
from memos.infrastructure.engine import Draft
from memos.interface.cli.shapes import document
from memos.interface.commands import Source as EdgeSource
from memos.interface.commands import add_sources, new_event
from memos.kernel.cube import Form, Header
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation

SCOPE = "acme/alice"


def talk(memory: Memory, scope: str = f"{SCOPE}/c1") -> list[Receipt]:
    turns = [
        {"speaker": "Mel", "text": "Which violin did you buy?"},
        {"speaker": "Caroline", "text": "The copper one."},
        {"speaker": "Mel", "text": "Lovely, and the lantern?"},
        {"speaker": "Caroline", "text": "Later this summer."},
    ]
    return memory.add_conversation(turns, scope=scope, session="1", at="2023-05-08T13:56:00Z")


def uses(vault: Path, cube_id: str) -> int:
    with Memory(vault, actor="agent:alice") as memory:
        cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube.uses


# context


def test_a_context_block_quotes_what_a_search_finds_and_cites_it(memory: Memory) -> None:
    receipt = memory.add("She likes pottery.", scope=SCOPE)
    memory.add("He runs at dawn.", scope=SCOPE)
    block = memory.context("pottery", scope="acme")
    assert f'- "She likes pottery." [{receipt.cube_id}@1]\n' in block.text
    assert "dawn" not in block.text


def test_turns_stand_in_the_order_in_which_they_were_said(memory: Memory) -> None:
    talk(memory)
    block = memory.context("copper violin", scope=SCOPE)
    found = [block.text.index(part) for part in ("Which violin", "copper one", "lantern")]
    assert found == sorted(found)


def test_only_what_a_block_quotes_counts_as_used(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        short = memory.add("A violin.", scope=SCOPE)
        long = memory.add("A violin. " + "Of many words more. " * 100, scope=SCOPE)
        block = memory.context("violin", scope=SCOPE, budget_tokens=80)
        assert [cite.cube_id for cite in block.left_out] == [long.cube_id]
    assert uses(vault, short.cube_id) == 1
    assert uses(vault, long.cube_id) == 0


def test_a_block_of_an_earlier_moment_cites_the_version_known_then(memory: Memory) -> None:
    receipt = memory.add("She lives in Sweden.", scope=SCOPE)
    memory.name_cut("then")
    memory.update(receipt.cube_id, "She lives in Norway.")
    block = memory.context("where she lives", scope=SCOPE, as_of="then")
    assert f'"She lives in Sweden." [{receipt.cube_id}@1]' in block.text
    assert f"[{receipt.cube_id}@2]" in memory.context("where she lives", scope=SCOPE).text


def test_the_newest_valid_fact_comes_first_and_the_old_one_is_marked(memory: Memory) -> None:
    for place, start, end in (("Rome", "2022-01-01", None), ("Paris", "2019-01-01", "2022-01-01")):
        text = f"Caroline lives in {place}."
        memory.add(text, scope=SCOPE, valid_from=start, valid_until=end)
    text = memory.context("Where does Caroline live? In Paris?", scope=SCOPE).text
    assert text.index("Rome") < text.index("Paris")
    assert "no longer true since 2022-01-01" in text


def test_a_block_tells_nothing_that_the_actor_may_not_read(vault: Path, memory: Memory) -> None:
    memory.add("The violin is hidden.", scope=SCOPE, readers=["agent:alice"])
    memory.add("The violin is here.", scope=SCOPE)
    with Memory(vault, actor="agent:eve") as eve:
        block = eve.context("violin hidden", scope="acme")
        assert len(block.citations) == 1
        assert "hidden" not in block.text
        assert block.left_out == ()


def test_a_filter_and_a_counter_of_ones_own_are_used(memory: Memory) -> None:
    memory.add("One violin.", scope=SCOPE, tags=["mine"])
    memory.add("Another violin.", scope=SCOPE)
    block = memory.context("violin", scope=SCOPE, filter={"tags": "mine"}, count_tokens=len)
    assert block.tokens == len(block.text)
    assert len(block.citations) == 1


# related


def test_lineage_tags_source_words_and_turns_relate_memories(memory: Memory) -> None:
    base = memory.add("A zither.", scope=f"{SCOPE}/a", tags=["music"], source="doc:a/1")
    near = {
        "lineage": memory.add("Other.", scope=f"{SCOPE}/b", derived_from=[base.cube_id]),
        "tag": memory.add("Tagged.", scope=f"{SCOPE}/c", tags=["music"]),
        "source": memory.add("Of the same document.", scope=f"{SCOPE}/d", source="doc:a/2"),
        "word": memory.add("Zithers again.", scope=f"{SCOPE}/e"),
    }
    memory.add("Nothing in common.", scope=f"{SCOPE}/a", source="web:b/1")
    found = memory.related(base.cube_id)
    assert {each.reasons[0].kind: each.cube_id for each in found} == {
        kind: receipt.cube_id for kind, receipt in near.items()
    }
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        assert each.score == pytest.approx(sum(reason.score for reason in each.reasons))


def test_a_turn_is_related_to_the_turns_around_it(memory: Memory) -> None:
    turns = talk(memory)
    found = {each.cube_id: each.reasons for each in memory.related(turns[1].cube_id)}
    told = {
        number: [reason.detail for reason in found[turn.cube_id] if reason.kind == "conversation"]
        for number, turn in enumerate(turns)
        if turn.cube_id in found
    }
    assert told == {0: ["1 turn before"], 2: ["1 turn after"], 3: ["2 turns after"]}


def test_the_graph_names_no_memory_that_the_actor_may_not_read(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as alice:
        base = alice.add("A zither.", scope=SCOPE, tags=["music"])
        open_one = alice.add("A zither, too.", scope=SCOPE, tags=["music"])
        with Memory(vault, actor="agent:eve") as eve:
            before = eve.related(base.cube_id)
        for scope in (SCOPE, f"{SCOPE}/deep"):
            alice.add("My zither.", scope=scope, tags=["music"], readers=["agent:alice"])
        hidden = alice.add(
            "Made of it.", scope=SCOPE, derived_from=[base.cube_id], readers=["agent:alice"]
        )
        alice.add("A zither.", scope="other/room", tags=["music"])
        assert hidden.cube_id in {each.cube_id for each in alice.related(base.cube_id)}
        with Memory(vault, actor="agent:eve") as eve:
            assert eve.related(base.cube_id) == before
            assert [each.cube_id for each in before] == [open_one.cube_id]
            with pytest.raises(Denied, match="readers-list"):
                eve.related(hidden.cube_id)
        with (
            Memory(vault, actor="agent:eve", tenant="other") as other,
            pytest.raises(NotFound, match="no cube"),
        ):
            other.related(base.cube_id)


def test_related_looks_where_it_is_told_and_gives_no_more_than_asked(memory: Memory) -> None:
    base = memory.add("A zither.", scope="acme/a")
    for scope in ("acme/a/deep", "acme/b", "acme/b"):
        memory.add("A zither, too.", scope=scope)
    assert len(memory.related(base.cube_id)) == 3
    assert len(memory.related(base.cube_id, k=2)) == 2
    assert [each.scope for each in memory.related(base.cube_id, scope="acme/a")] == ["acme/a/deep"]
    with pytest.raises(InvalidInput, match="another tenant"):
        memory.related(base.cube_id, scope="other")


def test_archived_memories_are_no_neighbours_but_have_some(memory: Memory) -> None:
    one, other = (memory.add("A zither.", scope=SCOPE) for _ in range(2))
    memory.archive(one.cube_id)
    assert memory.related(other.cube_id) == []
    memory.restore(one.cube_id)
    memory.archive(one.cube_id)
    third = memory.add("A zither.", scope=SCOPE)
    assert {each.cube_id for each in memory.related(one.cube_id)} == {other.cube_id, third.cube_id}


def test_an_erased_memory_is_related_to_nothing(memory: Memory) -> None:
    one, other = (memory.add("A zither.", scope=SCOPE) for _ in range(2))
    memory.erase(cube_id=one.cube_id)
    assert memory.related(other.cube_id) == []
    with pytest.raises(NotFound, match="erased"):
        memory.related(one.cube_id)


# tags and vocabularies


def test_tags_are_counted_over_what_the_actor_may_read(vault: Path, memory: Memory) -> None:
    memory.add("One.", scope=f"{SCOPE}/a", tags=["home", "art"])
    two = memory.add("Two.", scope=f"{SCOPE}/b", tags=["home"])
    memory.add("Three.", scope="other", tags=["far"])
    memory.add("Four.", scope=SCOPE, tags=["secret", "home"], readers=["agent:alice"])
    assert list(memory.tags("acme").items()) == [("home", 3), ("art", 1), ("secret", 1)]
    with Memory(vault, actor="agent:eve") as eve:
        assert eve.tags("acme") == {"home": 2, "art": 1}
        assert eve.tags(f"{SCOPE}/b") == {"home": 1}
        assert eve.tags("nobody") == {}
    memory.name_cut("then")
    memory.untag(two.cube_id, "home")
    memory.tag(two.cube_id, "art")
    assert memory.tags(f"{SCOPE}/b") == {"art": 1}
    assert memory.tags(f"{SCOPE}/b", as_of="then") == {"home": 1}


def test_many_memories_are_counted_across_blocks_of_the_index(memory: Memory) -> None:
    for scope in ("acme/a", "acme/b"):
        memory.add_many(
            {"text": f"Note {n}.", "scope": scope, "tags": [f"t{n % 3}"]} for n in range(1300)
        )
    assert memory.tags("acme") == {"t0": 868, "t1": 866, "t2": 866}


REFUSED: dict[str, Callable[[Memory, str], object]] = {
    "add": lambda memory, _: memory.add("Two.", scope=SCOPE, tags=["hobbies"]),
    "add_many": lambda memory, _: memory.add_many(
        [{"text": "Two.", "scope": SCOPE}, {"text": "2", "scope": SCOPE, "tags": ["hobbies"]}]
    ),
    "add_conversation": lambda memory, _: memory.add_conversation(
        [{"text": "Two.", "tags": ["hobbies"]}], scope=SCOPE, session="1"
    ),
    "tag": lambda memory, cube_id: memory.tag(cube_id, "hobbies"),
    "update": lambda memory, cube_id: memory.update(cube_id, tags=["hobbies"]),
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_closed_vocabulary_refuses_other_tags_and_names_the_nearest(
    memory: Memory, command: str
) -> None:
    one = memory.add("One.", scope=SCOPE)
    memory.set_vocabulary("acme", ["hobby", "home"], closed=True)
    size = memory.stats().events
    with pytest.raises(InvalidInput, match=r"'hobbies' is not in the .* did you mean 'hobby'"):
        REFUSED[command](memory, one.cube_id)
    assert memory.stats().events == size
    memory.tag(one.cube_id, "hobby")
    assert memory.tags("acme") == {"hobby": 1}


def test_vocabularies_add_up_from_the_tenant_down(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_vocabulary(SCOPE, ["hobby"])
    memory.set_vocabulary("acme/bob", ["work"])
    found = memory.vocabulary(f"{SCOPE}/c1")
    assert (found.tags, found.closed, found.set_in) == (("home", "hobby"), True, ("acme", SCOPE))
    memory.add("One.", scope=f"{SCOPE}/c1", tags=["hobby", "home"])
    with pytest.raises(InvalidInput, match="'work'"):
        memory.add("One.", scope=f"{SCOPE}/c1", tags=["work"])
    memory.add("One.", scope="other", tags=["anything"])


def test_an_open_vocabulary_takes_any_tag(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"])
    memory.add("One.", scope=SCOPE, tags=["garden"])
    assert memory.vocabulary(SCOPE).tags == ("home",)
    assert not memory.vocabulary("nowhere").set_in


def test_what_has_an_unknown_tag_already_keeps_it_and_may_lose_it(memory: Memory) -> None:
    one = memory.add("One.", scope=SCOPE, tags=["garden"])
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.tag(one.cube_id, "home")
    memory.update(one.cube_id, "Changed.")
    assert memory.tags("acme") == {"garden": 1, "home": 1}
    memory.untag(one.cube_id, "garden")
    assert memory.tags("acme") == {"home": 1}


def test_a_vocabulary_is_a_memory_with_history_rollback_and_states(memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    second = memory.set_vocabulary("acme", ["home", "hobby"], closed=True)
    assert (second.cube_id, second.version) == (first.cube_id, 2)
    assert [change.entry.kind for change in memory.history(first.cube_id)] == [
        "Generated",
        "Revised",
    ]
    memory.rollback(first.cube_id, to_version=1)
    assert memory.vocabulary("acme").tags == ("home",)
    memory.archive(first.cube_id)
    assert memory.vocabulary("acme").set_in == ()
    memory.add("One.", scope=SCOPE, tags=["anything"])
    memory.restore(first.cube_id)
    with pytest.raises(InvalidInput, match="anything"):
        memory.add("One.", scope=SCOPE, tags=["anything"])
    cube = memory.get(first.cube_id)
    assert isinstance(cube, MemCube)
    assert cube.semantic_type == "vocabulary"
    assert json.loads(cube.payload) == {"closed": True, "tags": ["home"]}


def test_no_search_finds_a_vocabulary(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home", "hobby"], closed=True)
    assert memory.search("vocabulary home hobby closed tags", scope="acme") == []
    assert memory.context("home", scope="acme").text == ""
    assert memory.tags("acme") == {}


def test_who_may_not_write_a_vocabulary_cannot_change_it(vault: Path, memory: Memory) -> None:
    receipt = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_header(receipt.cube_id, writers=["agent:alice"], readers=["agent:alice"])
    with Memory(vault, actor="agent:eve") as eve:
        with pytest.raises(Denied):
            eve.set_vocabulary("acme", ["mine"])
        with pytest.raises(Denied):
            eve.vocabulary(SCOPE)
        with pytest.raises(InvalidInput, match="closed vocabulary") as refused:
            eve.add("One.", scope=SCOPE, tags=["homes"])
        assert "'home'" not in str(refused.value)


def test_a_vocabulary_may_be_set_again_after_its_erasure(memory: Memory) -> None:
    first = memory.set_vocabulary(SCOPE, ["home"], closed=True)
    memory.erase(scope=SCOPE)
    memory.add("One.", scope=SCOPE, tags=["anything"])
    second = memory.set_vocabulary(SCOPE, ["work"], closed=True)
    assert second.cube_id != first.cube_id
    assert memory.vocabulary(SCOPE).tags == ("work",)


def test_a_vocabulary_that_two_make_at_once_is_one_memory(vault: Path, memory: Memory) -> None:
    start = threading.Barrier(4)

    def make(number: int) -> str:
        with Memory(vault, actor="agent:alice") as mine:
            start.wait()
            return mine.set_vocabulary("acme", [f"t{number}"], closed=True).cube_id

    with ThreadPoolExecutor(4) as pool:
        (cube_id,) = set(pool.map(make, range(4)))
    assert len([c for c in memory.history(cube_id) if c.entry.result == "accepted"]) == 4


def test_a_vocabulary_holds_where_an_export_of_it_is_loaded(tmp_path: Path, memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.export(tmp_path / "out.memos", passphrase="correct horse battery")
    into = tmp_path / "copy.vault"
    with Memory.load(tmp_path / "out.memos", into=into, passphrase="correct horse battery") as copy:
        with pytest.raises(InvalidInput, match="closed vocabulary"):
            copy.add("One.", scope=SCOPE, tags=["work"])
        assert copy.set_vocabulary("acme", ["work"]).cube_id == first.cube_id


def test_a_vocabulary_whose_content_became_something_else_is_not_in_force(memory: Memory) -> None:
    first = memory.set_vocabulary("acme", ["home"], closed=True)
    memory.update(first.cube_id, "No list of tags.")
    assert memory.vocabulary("acme").set_in == ()
    memory.set_vocabulary("acme", ["work"], closed=True)
    assert memory.vocabulary("acme").tags == ("work",)


def test_vocabularies_and_tags_come_out_the_same_of_a_rebuild(memory: Memory) -> None:
    memory.set_vocabulary("acme", ["home"], closed=True)
    memory.set_vocabulary("acme", ["home", "art"], closed=True)
    memory.add("One.", scope=SCOPE, tags=["art"])
    before = memory.digest(), memory.vocabulary(SCOPE), memory.tags("acme")
    assert memory.rebuild().digest == before[0]
    assert (memory.vocabulary(SCOPE), memory.tags("acme")) == before[1:]


# route


def test_a_route_ranks_scopes_by_their_best_memories(memory: Memory) -> None:
    memory.add("She sings.", scope="acme/large")
    memory.add_many({"text": f"A kiln, it is said {n}.", "scope": "acme/large"} for n in range(9))
    memory.add_many(
        {"text": f"Pottery needs a kiln {n}.", "scope": "acme/small", "tags": ["craft"]}
        for n in range(3)
    )
    found = memory.route("pottery in a kiln", scope="acme", budget_tokens=10_000)
    assert [topic.scope for topic in found.topics] == ["acme/small", "acme/large"]
    assert sum(topic.share for topic in found.topics) == pytest.approx(1, abs=1e-5)
    assert [step.scope for step in found.steps] == ["acme/small", "acme/large"]
    assert {(each.name, each.kind) for each in found.concepts} == {
        ("pottery", "word"),
        ("kiln", "word"),
        ("craft", "tag"),
    }
    assert all(step.form == "plaintext" for step in found.steps)
    assert "pottery" in found.steps[0].why


def test_a_route_stays_within_its_budget_and_says_what_it_leaves_out(memory: Memory) -> None:
    memory.add_many({"text": f"A kiln number {n}.", "scope": "acme"} for n in range(20))
    found = memory.route("kiln", scope="acme", budget_tokens=150)
    assert found.tokens == sum(step.tokens for step in found.steps) <= 150
    assert found.tokens == sum(fact.tokens for fact in found.facts)
    assert len(found.facts) + len(found.left_out) == 20
    assert found.facts
    assert found.left_out


def test_a_route_takes_the_form_that_costs_no_tokens(vault: Path, memory: Memory) -> None:
    kiln = memory.add("The kiln manual.", scope=SCOPE)
    memory.add("A kiln.", scope=SCOPE)
    segment = cached(memory, kiln)
    step, other = memory.route("kiln manual", scope="acme").steps
    assert (step.form, step.cube_ids, step.tokens) == ("activation", (kiln.cube_id,), 0)
    assert other.form == "plaintext"
    (fact,) = (f for f in memory.route("kiln manual", scope="acme").facts if f.artefact)
    assert fact.artefact == segment
    memory.update(kiln.cube_id, "The new kiln manual.")
    assert [each.form for each in memory.route("kiln manual", scope="acme").steps] == ["plaintext"]


def cached(memory: Memory, receipt: Receipt) -> str:
    """A KV segment made of a memory, as the activation side writes one; its cube id."""
    session = memory._session
    event = new_event(session, Kind.GENERATED, session.new_id(), SCOPE)
    event.generated.form = Form.ACTIVATION.value  # type: ignore[assignment]
    write_header(Header(session.actor), event.generated.header)
    source = EdgeSource(Relation.CACHED_AS, id_bytes(receipt.cube_id), receipt.version, bytes(32))
    add_sources(event, [source])
    session.engine.commit([Draft(event)])
    return id_text(event.cube_id)


def test_a_route_tells_nothing_that_the_actor_may_not_read(vault: Path, memory: Memory) -> None:
    memory.add("A kiln.", scope=SCOPE)
    with Memory(vault, actor="agent:eve") as eve:
        before = eve.route("kiln", scope="acme")
        memory.add("A kiln.", scope="acme/deep", tags=["craft"], readers=["agent:alice"])
        assert eve.route("kiln", scope="acme") == before
        assert eve.route("kiln", scope="acme/deep").topics == ()


def test_plans_are_no_use_of_what_they_name(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        one = memory.add("A kiln.", scope=SCOPE, tags=["craft"])
        other = memory.add("A kiln, too.", scope=SCOPE, tags=["craft"])
        memory.route("kiln", scope="acme")
        memory.related(other.cube_id)
        memory.tags("acme")
        size = memory.stats().accesses
    with Memory(vault, actor="agent:alice") as memory:
        assert memory.stats().accesses == 3 >= size
    assert uses(vault, one.cube_id) == 0


# all of them


ASKED: dict[str, Callable[[Memory, str], Any]] = {
    "context": lambda memory, _: memory.context("violin zither", scope="acme"),
    "related": lambda memory, cube_id: memory.related(cube_id),
    "route": lambda memory, _: memory.route("violin zither", scope="acme"),
    "tags": lambda memory, _: memory.tags("acme"),
}


@pytest.mark.parametrize("question", ASKED)
def test_the_same_question_has_the_same_answer_to_the_byte(vault: Path, question: str) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        turns = talk(memory)
        for n in range(20):
            memory.add(f"A zither, number {n % 4}.", scope=f"acme/u{n % 3}", tags=[f"t{n % 5}"])
        ask = ASKED[question]
        answers = {document(question, ask(memory, turns[0].cube_id)) for _ in range(3)}
        memory.rebuild()
        answers.add(document(question, ask(memory, turns[0].cube_id)))
    with Memory(vault, actor="agent:alice") as memory:
        answers.add(document(question, ask(memory, turns[0].cube_id)))
    assert len(answers) == 1
    assert answers.pop().isascii()


BAD: dict[str, Callable[[Memory], object]] = {
    "a query that is no text": lambda memory: memory.context(3, scope="acme"),  # type: ignore[arg-type]
    "a budget of nothing": lambda memory: memory.context("x", scope="acme", budget_tokens=0),
    "a budget that is no number": lambda memory: memory.route(
        "x", scope="acme", budget_tokens=True
    ),
    "k = 0": lambda memory: memory.context("x", scope="acme", k=0),
    "no scope": lambda memory: memory.tags(""),
    "an unknown filter": lambda memory: memory.route("x", scope="acme", filter={"what": 1}),
    "an unknown recipe": lambda memory: memory.context("x", scope="acme", recipe="none"),
    "no cube id": lambda memory: memory.related("what"),
    "tags that are one text": lambda memory: memory.set_vocabulary("acme", "home"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_question_that_does_not_fit_is_refused(memory: Memory, what: str) -> None:
    with pytest.raises(InvalidInput):
        BAD[what](memory)


@pytest.mark.parametrize("query", ["", "?!", "the of and", "x" * 100_000])
def test_a_query_that_nothing_fits_has_an_empty_answer(memory: Memory, query: str) -> None:
    memory.add("A kiln.", scope=SCOPE)
    assert memory.context(query, scope="acme").text == ""
    assert memory.route(query, scope="acme").steps == ()
    assert memory.context("kiln", scope="nowhere/yet").citations == ()


def test_a_caller_of_one_tenant_asks_about_no_other(vault: Path, memory: Memory) -> None:
    memory.add("A kiln.", scope=SCOPE, tags=["craft"])
    with Memory(vault, actor="agent:eve", tenant="other") as eve:
        for ask in (
            lambda: eve.context("kiln", scope="acme"),
            lambda: eve.route("kiln", scope="acme"),
            lambda: eve.tags("acme"),
            lambda: eve.vocabulary("acme"),
            lambda: eve.set_vocabulary("acme", ["mine"]),
        ):
            with pytest.raises(Denied, match="tenant-boundary"):
                ask()


def test_all_of_it_is_there_for_an_event_loop(vault: Path) -> None:
    async def ask() -> None:
        async with await AsyncMemory.open(vault, actor="agent:alice") as memory:
            one = await memory.add("A kiln.", scope=SCOPE)
            two = await memory.add("A kiln, too.", scope=SCOPE)
            await memory.set_vocabulary("acme", ["craft"], closed=True)
            await memory.tag(one.cube_id, "craft")
            assert (await memory.vocabulary(SCOPE)).closed
            assert await memory.tags("acme") == {"craft": 1}
            assert (await memory.context("kiln", scope="acme")).citations
            assert [r.cube_id for r in await memory.related(one.cube_id)] == [two.cube_id]
            assert (await memory.route("kiln", scope="acme")).steps

    asyncio.run(ask())
