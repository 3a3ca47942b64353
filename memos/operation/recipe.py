"""Recipes: which stages a search runs, and how strong each is. Data, named and versioned.

Constants were chosen by leaving a conversation out, and lie on a flat landscape: none was worth
more than a point of recall (docs/retrieval.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from memos.kernel.errors import InvalidInput


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
        length: how much more informative texts count.
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
    length: float = 0.0


BM25 = Recipe("bm25", 1)
"""Each text for itself."""

LEXICAL = Recipe(
    "lexical",
    1,
    near=0.6,
    far=0.45,
    reply=0.9,
    session=0.2,
    speaker=0.5,
    question=0.8,
    assistant=0.3,
    length=0.1,
)
"""Words, and what a conversation's structure says about them. No model."""

RECIPES = {recipe.name: recipe for recipe in (BM25, LEXICAL)}
DEFAULT = LEXICAL


def recipe_named(name: str | None) -> Recipe:
    """The recipe of a name; the default where none is given.

    Raises:
        InvalidInput: there is none.
    """
    if name is None:
        return DEFAULT
    if name not in RECIPES:
        raise InvalidInput(f"recipe={name!r} is not known: choose {', '.join(RECIPES)}")
    return RECIPES[name]
