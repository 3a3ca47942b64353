from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory, Receipt
from memos.infrastructure.engine.commit import Draft
from memos.kernel.cube import Form, Header
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.operation.commands.draft import SourceVersion, add_sources, new_event
from tests.interface.asked import SCOPE, uses


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
    source = SourceVersion(
        Relation.CACHED_AS, id_bytes(receipt.cube_id), receipt.version, bytes(32)
    )
    add_sources(event, [source])
    session.engine.writer.commit([Draft(event)])
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
