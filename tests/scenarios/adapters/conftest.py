"""A town whose memories are learnt."""

from __future__ import annotations

import pytest

from memos import Memory
from tests.adapting_model import LearningModel
from tests.scenarios.adapters.town import BAKERY, HARBOUR, KEEPER
from tests.scenarios.place import Place


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
