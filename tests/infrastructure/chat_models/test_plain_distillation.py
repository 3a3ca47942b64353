"""A distillation that travels is the same behind its way, and tells nobody on it what memories say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos import DistillationRefused, InvalidInput, ModelUnavailable
from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    DistilledAdapter,
    Evaluation,
    LessonMemory,
    Probe,
    Role,
    Thresholds,
)
from memos.infrastructure.chat_models.plain_distillation import (
    adapter_of,
    open_files,
    open_job,
    open_probes,
    plain_adapter,
    seal_files,
    seal_job,
    seal_probes,
)
from memos.infrastructure.chat_models.plain_prompt import plain_error
from memos.kernel.errors import Damaged, MemosError

KEY = b"k" * 32
JOB = DistillationJob(
    owner="v/acme",
    memories=tuple(
        LessonMemory(
            cube_id=f"cube-{role}",
            version=2,
            digest=bytes(range(32)),
            role=role,
            text="She moved to Zürich \ud800.",
            line="- She moved.\n",
        )
        for role in Role
    ),
    opening="Be.\n",
    closing="End.\n",
    bare_opening="Be",
    settings=DistillationSettings(seed=3, thresholds=Thresholds(gap_closed=0.5)),
    seal=b"the seal",
    seconds=9.5,
)
MADE = DistilledAdapter(
    sha256=b"s" * 32,
    size=10,
    scale=2.0,
    model_digest=b"m" * 32,
    tokenizer_digest=b"t" * 32,
    generator="g 1",
    steps=3,
    seconds=1.5,
    loss=0.01,
    evaluation=Evaluation(
        gap=None,
        gap_closed=0.5,
        teacher_accuracy=1.0,
        accuracy=0.5,
        base_accuracy=0.0,
        retention=None,
        in_context=1.0,
        locality=0.1,
        refusals=("too little",),
        by_memory={"cube-source": 0.5},
    ),
)
PROBES = (Probe(cube_id="cube-source", question="Where?", answer="Zürich", confidence=0.5),)


def is_builtin(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(is_builtin, (*value, *value.values())))
    if isinstance(value, (list, tuple)):
        return all(map(is_builtin, value))
    return type(value) in (bytes, str, int, float, bool, type(None))


def test_a_job_is_the_same_behind_its_way() -> None:
    opened = open_job(seal_job(JOB, KEY), KEY)
    assert opened == JOB
    assert opened.key(b"") == JOB.key(b"")
    assert open_job(seal_job(replace(JOB, seconds=None), KEY), KEY).seconds is None


def test_without_the_key_a_job_is_noise() -> None:
    box = seal_job(JOB, KEY)
    for told in (b"moved", b"acme", b"the seal", b"the seal".hex().encode()):
        assert told not in box
    with pytest.raises(Damaged):
        open_job(box, b"j" * 32)
    with pytest.raises(Damaged):
        open_probes({"sealed": box}, KEY)


def test_what_became_of_a_job_is_the_same_and_of_builtin_types() -> None:
    plain = plain_adapter(MADE)
    assert is_builtin(plain)
    assert adapter_of(plain) == MADE


def test_probes_and_files_are_the_same_and_sealed() -> None:
    probes, files = seal_probes(PROBES, KEY), seal_files(AdapterFiles("{}", b"weights"), KEY)
    assert is_builtin([probes, files])
    assert b"Where" not in probes["sealed"]
    assert b"weights" not in files["weights"]
    assert open_probes(probes, KEY) == PROBES
    assert open_files(files, KEY) == AdapterFiles("{}", b"weights")


@pytest.mark.parametrize("error", [DistillationRefused, InvalidInput, ModelUnavailable])
def test_an_error_is_raised_where_it_arrives(error: type[MemosError]) -> None:
    told = plain_error(error("nothing to learn"))
    assert is_builtin(told)
    with pytest.raises(error, match="nothing to learn"):
        adapter_of(told)
    with pytest.raises(error, match="nothing to learn"):
        open_probes(told, KEY)
    with pytest.raises(error, match="nothing to learn"):
        open_files(told, KEY)
