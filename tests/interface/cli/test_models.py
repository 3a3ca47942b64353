"""What --model and --teacher mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import InvalidInput
from memos.interface.cli.models import CACHE_VARIABLE, opened_model
from memos.parametric.local_learner import LocalLearner
from tests.tiny_model.loaded import DIRECTORY


def test_a_teacher_writes_for_a_model_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with opened_model(str(DIRECTORY), "http://127.0.0.1:1/v1#big") as model:
        assert isinstance(model, LocalLearner)
        assert model.teacher is not None
        assert model.teacher.name == "big"
    with opened_model(str(DIRECTORY)) as model:
        assert isinstance(model, LocalLearner)
        assert model.teacher is None


@pytest.mark.parametrize(
    ("model", "teacher", "told"),
    [
        ("ray", "http://host/v1#big", "a model on this machine"),
        ("http://host/v1#small", "http://host/v1#big", "a model on this machine"),
        (str(DIRECTORY), "http://host/v1", "--teacher .* names no model"),
        (str(DIRECTORY), "big", "--teacher big is no address"),
        # It is looked at before a model is opened: here is none.
        (str(DIRECTORY.parent), "big", "--teacher big is no address"),
    ],
)
def test_a_teacher_that_cannot_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, teacher: str, told: str
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(InvalidInput, match=told), opened_model(model, teacher):
        pass
