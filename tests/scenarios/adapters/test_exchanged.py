"""Adapters go with an export: the model that has their tensors answers, and any other learns them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory
from tests.adapting_model import UNKNOWN, LearningModel
from tests.scenarios.adapters.town import BAKERY, HARBOUR, KEEPER, ask, forms
from tests.scenarios.conftest import LONG_ON_SERVERS
from tests.scenarios.place import Place

pytestmark = pytest.mark.parametrize("place", LONG_ON_SERVERS, indirect=True)

PASSPHRASE = "three harbours and a mill"


@pytest.mark.parametrize("whole", [True, False], ids=["loaded", "imported"])
def test_an_adapter_that_came_with_an_export_answers_is_learnt_again_and_goes_with_a_memory(
    memory: Memory, place: Place, tmp_path: Path, whole: bool
) -> None:
    scope, model = f"{place.tenant}/town", LearningModel()
    cubes = [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER, BAKERY)]
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.export(tmp_path / "export", scope=scope, passphrase=PASSPHRASE)
    into = tmp_path / "other.vault"
    if whole:
        other = Memory.load(tmp_path / "export", into, actor="agent:alice", passphrase=PASSPHRASE)
    else:
        other = Memory(into, actor="agent:alice")
        other.import_export(tmp_path / "export", passphrase=PASSPHRASE)
    with other:
        assert [(each.cube_id, each.is_live) for each in other.adapters(scope)] == [
            (made.cube_id, True)
        ]
        question = "What is the harbour named?"
        assert forms(ask(other, question, scope, model))[cubes[0]] == "parametric"
        elsewhere = LearningModel()
        assert forms(ask(other, question, scope, elsewhere))[cubes[0]] == "plaintext"
        again = other.distil(cubes[:2], scope=scope, model=elsewhere)
        assert again.cube_id == made.cube_id
        assert forms(ask(other, question, scope, elsewhere))[cubes[0]] == "parametric"
        assert made.cube_id in other.erase(cube_id=cubes[1]).cube_ids
        assert ask(other, "Who is the lighthouse keeper?", scope, elsewhere).text == UNKNOWN
