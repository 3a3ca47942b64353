"""Recipes: which stages a search runs, and how strong each is. Data, named and versioned.

The constants lie on a flat landscape: small changes move recall by less than the noise of a
benchmark. docs/retrieval.md has what each stage is worth, and what was tried in vain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from memos.kernel.errors import InvalidInput, shorten


@dataclass(frozen=True, slots=True)
class Recipe:
    """The stages of a search and their strengths; a strength of 0 leaves the stage out.

    Attributes:
        name: what callers choose it by.
        version: changes whenever a result may.
        near: what a text takes over, term by term, from the turn next to it.
        far: the same from the turn after that.
        reply: the same from the question that it answers.
        short: the length in words up to which neighbours count in full: a long text speaks for
            itself.
        session: weight of the session's own match.
        speaker: how much more the turns of a named speaker count.
        question: the factor for a text that ends as a question.
        assistant: the factor for an assistant's turns where the query does not ask for them.
        frame: what the words count by which a query says how to answer.
        instructs: how much more, for a task, texts count that tell the assistant what to do always.
        instructs_lift: by what share of the best match they stand higher.
        prefers: how much more, for a task, texts count that say what the user prefers.
        length: how much more informative texts count.
        dense: weight of the nearest in meaning, beside 1 for the best by words.
        dense_near: what part of a neighbour's nearness a turn may take over.
        dense_question: how much less near a text counts that ends as a question.
        dense_speaker: how much nearer the turns of a named speaker count.
        window: by what share of the best match texts of the time that the query names stand higher.
        answer: how much more texts count that have what is asked for: a time, a number.
        phrase: by what share of the best match texts stand higher that hold a phrase in double
            quotes as it is. That is for questions; any other query finds only what holds it.
        rerank: how many of the best are scored again by the reranker.
        supersession: by what share the current memory of an asked slot stands above the best match.
    """

    name: str
    version: int
    near: float = 0.0
    far: float = 0.0
    reply: float = 0.0
    short: float = 40.0
    session: float = 0.0
    speaker: float = 0.0
    question: float = 1.0
    assistant: float = 1.0
    frame: float = 1.0
    instructs: float = 0.0
    instructs_lift: float = 0.0
    prefers: float = 0.0
    length: float = 0.0
    dense: float = 0.0
    dense_near: float = 0.0
    dense_question: float = 0.0
    dense_speaker: float = 0.0
    window: float = 0.0
    answer: float = 0.0
    phrase: float = 0.0
    rerank: int = 0
    supersession: float = 0.0


BM25 = Recipe("bm25", 2)
"""Each text for itself."""

LEXICAL = Recipe(
    "lexical",
    3,
    near=0.6,
    far=0.45,
    reply=0.9,
    session=0.2,
    speaker=0.5,
    question=0.8,
    assistant=0.3,
    frame=0.3,
    instructs=0.3,
    instructs_lift=0.4,
    prefers=0.4,
    length=0.1,
    window=0.2,
    answer=0.1,
    phrase=0.2,
    supersession=0.1,
)
"""Words, and what a conversation's structure says about them. No model."""

HYBRID = replace(
    LEXICAL,
    name="hybrid",
    version=3,
    dense=1.25,
    dense_near=0.6,
    dense_question=0.05,
    dense_speaker=0.1,
)
"""Words and meaning. Needs an embedder."""

LEXICAL_RERANK = replace(LEXICAL, name="lexical+rerank", rerank=50)
"""Words, then a reranker over the best. Needs a reranker."""

HYBRID_RERANK = replace(HYBRID, name="hybrid+rerank", rerank=50)
"""Words and meaning, then a reranker over the best. Needs an embedder and a reranker."""

RECIPES = {recipe.name: recipe for recipe in (BM25, LEXICAL, HYBRID, LEXICAL_RERANK, HYBRID_RERANK)}


def recipe_named(name: object, *, embedder: bool = False, reranker: bool = False) -> Recipe:
    """The recipe of a name; where none is given `hybrid` with an embedder, else `lexical`.

    Raises:
        InvalidInput: there is none, or it needs an embedder or a reranker.
    """
    if name is None:
        return HYBRID if embedder else LEXICAL
    if not isinstance(name, str) or name not in RECIPES:
        raise InvalidInput(f"recipe={shorten(name)} is not known: choose {', '.join(RECIPES)}")
    chosen = RECIPES[name]
    for needed, there, what in (
        (chosen.dense, embedder, "an embedder"),
        (chosen.rerank, reranker, "a reranker"),
    ):
        if needed and not there:
            raise InvalidInput(
                f"recipe={name!r} needs {what}: open the vault with {what.split()[1]}=..."
            )
    return chosen
