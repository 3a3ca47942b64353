"""Task-Aligned Memory Routing: which scopes, concepts and memories serve a task, and in what order.

The MemOS paper (arXiv 2507.03724) turns a task into a topic-concept-fact path. Here the path is
counted, not generated: topics are scopes, concepts are tags and words of the task, facts are found
memories, and each is weighed by the scores of one search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.index.port import View
from memos.kernel.cube import SHOWN, Form
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.operation.reads.adapters import Adapters
from memos.operation.reads.context_block import LONGEST_TOKEN, Citation, quoted_line, text_of
from memos.operation.reads.quote import CountTokens
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView

MOST_CONCEPTS = 12
BEST_OF_TOPIC = 3
"""A topic counts by its best memories, so that a large scope does not win by its size."""

_ORDER = (Form.PARAMETRIC, Form.ACTIVATION, Form.PLAINTEXT)


@dataclass(frozen=True, slots=True)
class Topic:
    """A scope that serves the task: `score` sums its best memories, `share` is its part of all."""

    scope: str
    score: float
    share: float
    memories: int


@dataclass(frozen=True, slots=True)
class Concept:
    """A tag or word that carries the task. `score` is the share of the hits' scores that belongs to
    hits with it, times the share of visible memories without it.
    """

    name: str
    kind: str
    score: float
    memories: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A memory that serves the task. `artefact` is the cube of the form that holds it: its KV
    segment or its adapter; in plaintext form it is empty, and `tokens` is what quoting it takes.
    """

    cube_id: str
    version: int
    scope: str
    score: float
    form: str
    artefact: str
    tokens: int
    concepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What to load next: memories of one scope in one form, best first."""

    scope: str
    form: str
    cube_ids: tuple[str, ...]
    tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class Route:
    """The path of a task. `left_out` are the memories that serve it and do not fit the budget;
    `not_compared` tells of those that the filter passed over.
    """

    topics: tuple[Topic, ...]
    concepts: tuple[Concept, ...]
    facts: tuple[Fact, ...]
    steps: tuple[Step, ...]
    tokens: int
    left_out: tuple[str, ...]
    not_compared: tuple[str, ...] = ()


def route(
    scope_view: ScopeView, hits: Sequence[Hit], read_time: datetime, budget: int, count: CountTokens
) -> Route:
    """The path of the task that `hits` were found for.

    Args:
        scope_view: who asks, and where.
        hits: what a search for the task found, best first.
        read_time: when it is read.
        budget: how many tokens its plaintext may take.
        count: counts them.
    """
    topics = _topics(hits)
    concepts, held = _concepts(scope_view, scope_view.visible(), hits)
    query = scope_view.query
    adapters = Adapters(scope_view.reader, query.permitted.check, query.read_time)
    facts, left_out, tokens = [], [], 0
    for hit in hits:
        form, artefact = _form(scope_view, adapters, hit)
        size = _size(hit, read_time, budget, count) if form is Form.PLAINTEXT else 0
        if tokens + size > budget:
            left_out.append(hit.cube_id)
            continue
        tokens += size
        names = tuple(
            concept.name for concept in concepts if concept.name in held[hit.cube_id, concept.kind]
        )
        named = form.name.lower()
        facts.append(
            Fact(hit.cube_id, hit.version, hit.scope, hit.score, named, artefact, size, names)
        )
    steps = tuple(_steps(topics, facts))
    return Route(topics, concepts, tuple(facts), steps, tokens, tuple(left_out))


def _size(hit: Hit, read_time: datetime, budget: int, count: CountTokens) -> int:
    """How many tokens the line of a memory has; of one that cannot fit, more than the budget."""
    if len(text_of(hit)) > LONGEST_TOKEN * budget:
        return budget + 1
    return count(quoted_line(hit, read_time, (Citation(hit.cube_id, hit.version, "1"),)))


def _topics(hits: Sequence[Hit]) -> tuple[Topic, ...]:
    """The scopes of the hits, ranked by the sum of their best scores."""
    scores: dict[str, list[float]] = {}
    for hit in hits:
        scores.setdefault(hit.scope, []).append(hit.score)
    best = {scope: sum(ranked[:BEST_OF_TOPIC]) for scope, ranked in scores.items()}
    total = sum(best.values()) or 1.0
    topics = [
        Topic(scope, score, round(score / total, 6), len(scores[scope]))
        for scope, score in best.items()
    ]
    return tuple(sorted(topics, key=lambda topic: (-topic.score, topic.scope)))


def _concepts(
    scope_view: ScopeView, view: View, hits: Sequence[Hit]
) -> tuple[tuple[Concept, ...], Mapping[tuple[str, str], frozenset[str]]]:
    """The concepts of the hits; and for each (cube id, kind) the names that it holds."""
    asked = scope_view.analyzer.query_terms(scope_view.query.text)
    held: dict[tuple[str, str], frozenset[str]] = {}
    for hit in hits:
        terms = scope_view.analyzer.index_terms(hit.text).terms
        words = frozenset(term.surface for term in asked if term.term in terms)
        held[hit.cube_id, "word"] = words
        held[hit.cube_id, "tag"] = frozenset(hit.tags)
    named = [("word", term.surface, term.term) for term in asked]
    tags = sorted({tag for hit in hits for tag in hit.tags})
    named += [("tag", tag, scope_view.analyzer.exact_term("tag", tag)) for tag in tags]
    total = sum(hit.score for hit in hits) or 1.0
    concepts = []
    for kind, name, term in named:
        holding = [hit for hit in hits if name in held[hit.cube_id, kind]]
        if not holding:
            continue
        common = len(view.postings(term)[0]) / max(len(view), 1)
        share = sum(hit.score for hit in holding) / total
        concepts.append(Concept(name, kind, round(share * (1 - common), 6), len(holding)))
    concepts.sort(key=lambda concept: (-concept.score, concept.kind, concept.name))
    return tuple(concepts[:MOST_CONCEPTS]), held


def _form(scope_view: ScopeView, adapters: Adapters, hit: Hit) -> tuple[Form, str]:
    """The best form that holds exactly this version, and its cube; else plaintext."""
    for adapter in adapters.holding(hit.cube_id, hit.version):
        return Form.PARAMETRIC, id_text(adapter.state.cube_id)
    reader = scope_view.reader
    for edge in reader.vault.edges(id_bytes(hit.cube_id), downstream=True):
        if edge.relation is not Relation.CACHED_AS or edge.source[1] != hit.version:
            continue
        head = reader.vault.head(edge.derived[0])
        if head is None or head.form is not Form.ACTIVATION or head.lifecycle not in SHOWN:
            continue
        if scope_view.query.permitted.check(head):
            return Form.ACTIVATION, id_text(head.cube_id)
    return Form.PLAINTEXT, ""


def _steps(topics: Iterable[Topic], facts: Sequence[Fact]) -> list[Step]:
    """Topic by topic; in each, what costs no tokens before what does."""
    steps = []
    for topic in topics:
        for form in _ORDER:
            served = [
                fact
                for fact in facts
                if fact.scope == topic.scope and fact.form == form.name.lower()
            ]
            if served:
                concepts = list(dict.fromkeys(name for fact in served for name in fact.concepts))
                by = f" by {', '.join(concepts)}" if concepts else ""
                share = f"{topic.share:.0%} of the task"
                why = f"{len(served)} of {topic.memories} found here, {share}{by}"
                cubes = tuple(fact.cube_id for fact in served)
                tokens = sum(fact.tokens for fact in served)
                steps.append(Step(topic.scope, form.name.lower(), cubes, tokens, why))
    return steps
