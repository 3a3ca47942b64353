"""Adapters on the command line: distilled, looked at, promoted, rebuilt and retired."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest

from memos.interface.cli import adapters, chat
from tests.adapting_model import FAILED, PASSED, LearningModel
from tests.interface.cli.support import Shell

SCOPE = ("--scope", "acme")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> LearningModel:
    """What every command opens: a model that is trained is asked in tests/parametric."""
    made = LearningModel()
    for module in (adapters, chat):
        monkeypatch.setattr(module, "opened_model", lambda name, teacher=None: nullcontext(made))
    return made


@pytest.fixture
def named(shell: Shell) -> list[str]:
    texts = ("The harbour is named Quillon.", "The keeper is Odile.", "The bakery opens at seven.")
    return [shell.add(text, scope="acme") for text in texts]


def test_what_is_distilled_is_shown_listed_and_answered_from(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    told = shell.run("distil", *SCOPE, *named[:2]).out
    assert "distilled " in told
    assert "gap closed" in told
    assert "already distilled" in shell.run("distil", *SCOPE, *named[:2]).out
    (listed,) = shell.json("adapters", "list", *SCOPE)
    assert listed["is_live"] is True
    assert "live" in shell.run("adapters", "list", *SCOPE).out
    shown = shell.run("adapters", "show", listed["cube_id"]).out
    assert all(each in shown for each in named)
    assert "v2" in shown
    assert "answers" in shown
    asked = shell.run("chat", *SCOPE, "What is the harbour named?", "--show").out
    assert "The harbour is named Quillon." in asked
    assert f"from adapter {listed['cube_id']}" in asked
    assert "1 as parametric" in asked


def test_without_ids_all_of_a_scope_is_distilled_and_a_plan_only_tells(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    planned = shell.json("distil", *SCOPE, "--dry-run")
    assert [each["role"] for each in planned["memories"]] == ["source"] * 3
    assert "would distil 3 memories" in shell.run("distil", *SCOPE, "--dry-run").out
    assert model.jobs == []
    shell.run("distil", *SCOPE, "--steps", "9", "--rank", "4", "--seed", "2", "--rate", "0.01")
    (job,) = model.jobs
    told = job.settings
    assert (told.steps, told.rank, told.alpha, told.seed, told.learning_rate) == (9, 4, 8, 2, 0.01)


def test_a_teacher_is_named_in_the_settings_and_a_rebuild_keeps_the_others(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    teacher = ("--teacher", "http://127.0.0.1:1/v1#big")
    made = shell.json("distil", *SCOPE, *named, "--steps", "9", *teacher)
    assert made["adapter"]["settings"]["teacher"] == "big"
    assert "big" in shell.run("adapters", "show", made["cube_id"]).out
    rebuilt = shell.json(
        "adapters", "rebuild", made["cube_id"], "--teacher", "http://127.0.0.1:1/v1#other"
    )
    told = rebuilt["adapter"]["settings"]
    assert (told["teacher"], told["steps"]) == ("other", 9)


def test_what_does_not_pass_exits_with_6_and_is_told_with_its_reasons(
    shell: Shell, model: LearningModel, named: list[str], tmp_path: Path
) -> None:
    model.evaluation = FAILED
    ran = shell.run("distil", *SCOPE, *named)
    assert ran.code == 6
    assert "not promoted" in ran.out
    assert FAILED.refusals[0] in ran.out
    (listed,) = shell.json("adapters", "list", *SCOPE)
    assert "rejected" in shell.run("adapters", "show", listed["cube_id"]).out
    model.evaluation = PASSED
    shell.json("distil", *SCOPE, *named, "--seed", "1")
    plot = tmp_path / "plot.svg"
    shell.run("adapters", "list", *SCOPE, "--plot", str(plot))
    drawn = ElementTree.fromstring(plot.read_text())  # noqa: S314 # just written
    dots = [each for each in drawn.iter() if each.find("{*}title") is not None]
    assert len(dots) == 2
    ran = shell.run("adapters", "list", *SCOPE, "--plot", str(tmp_path / "nowhere" / "plot.svg"))
    assert ran.code == 1
    assert "nowhere/plot.svg cannot be written" in ran.err


def test_a_version_is_promoted_an_adapter_rebuilt_and_retired(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    cube_id = shell.json("distil", *SCOPE, *named[:2])["cube_id"]
    shell.json("distil", *SCOPE, *named[:2], "--seed", "1")
    back = shell.json("adapters", "rollback", cube_id)
    assert [each["to_version"] for each in back["changes"]] == [2]
    assert shell.run("adapters", "rollback", cube_id).code == 2
    promoted = shell.json("adapters", "promote", cube_id, "3")
    assert [each["to_version"] for each in promoted["changes"]] == [3]
    shell.run("archive", named[1])
    assert "outdated" in shell.run("adapters", "list", *SCOPE).out
    rebuilt = shell.json("adapters", "rebuild", cube_id)
    assert rebuilt["adapter"]["parent"]["cube_id"] == cube_id
    assert "retired" in shell.run("adapters", "retire", rebuilt["cube_id"]).out
    assert shell.json("adapters", "list", *SCOPE) == []
    assert len(shell.json("adapters", "list", *SCOPE, "--retired")) == 2


def test_a_receipt_tells_what_took_the_place_of_an_erased_adapter(
    shell: Shell, model: LearningModel, named: list[str], tmp_path: Path
) -> None:
    cube_id = shell.json("distil", *SCOPE, *named[:2])["cube_id"]
    receipt = tmp_path / "receipt.json"
    erased = shell.run("erase", "--cube", named[1], "--yes", "--json").out
    receipt.write_text(erased)
    assert "adapter" in [each["kind"] for each in json.loads(erased)["result"]["artefacts"]]
    assert shell.json("adapters", "rebuilt", str(receipt)) == []
    rebuilt = shell.json("adapters", "rebuild", cube_id)
    (told,) = shell.json("adapters", "rebuilt", str(receipt))
    assert (told["cube_id"], told["successor"]) == (cube_id, rebuilt["cube_id"])
    assert rebuilt["cube_id"] in shell.run("adapters", "rebuilt", str(receipt)).out


def test_what_an_adapter_holds_is_written_back(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    cube_id = shell.json("distil", *SCOPE, *named[:1])["cube_id"]
    told = shell.run("backpatch", cube_id).out
    assert "The harbour is named Quillon." in told
    assert "confidence 0.75" in told
