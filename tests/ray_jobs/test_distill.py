"""Distillers in a real Ray cluster: what they learn is what a model on this machine learns, whatever happens to them,
and pools beside them answer with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memos import ChatAnswer, DistillationRefused, Memory, ModelUnavailable
from memos.activation.chat_model import LocalModel
from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationJob
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.chat_models.ray_pool import RayPool
from ray_jobs.__main__ import main
from tests.parametric.jobs import TRAINED, distiller, facts_of, job_of, memories, memory
from tests.ray_jobs.ray_worker import RayWorker
from tests.tiny_model.language import Fact
from tests.tiny_model.loaded import DIRECTORY

SEAL = b"s" * 32
FACTS = facts_of(1)
JOB = job_of(memories(FACTS), seal=SEAL)
SCOPE = "acme/alice"
KILLED_AT = 20


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As a distiller of one processor has: else what is learnt here differs in its last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model(distillers: RayWorker) -> RayPool:
    return RayPool(distillers.address)


@pytest.fixture(scope="module")
def learnt_here() -> bytes:
    """SHA-256 of the adapter of the job, as it is learnt without a cluster."""
    return distiller().distil(JOB).adapter.sha256


def named(seed: int) -> DistillationJob:
    """The same memories, of another job."""
    return replace(JOB, owner=f"v/{seed}")


def test_two_who_ask_for_the_same_job_have_one_training_and_its_adapter(
    distillers: RayWorker, model: RayPool, learnt_here: bytes, tmp_path: Path
) -> None:
    assert isinstance(model, AdaptingModel)
    (process,) = distillers.processes("TinyDistiller")
    # They bring Ray, which reads its environment once: that of the cluster.
    from ray_jobs.distill import RayDistiller
    from tests.ray_jobs.tiny_actor import TinyDistiller

    assert process.nice() == TinyDistiller.niceness > 0
    assert RayDistiller.niceness == 19  # the least that there is
    assert model.model_digest == LocalModel.load(DIRECTORY).model_digest
    heard: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as threads:
        first, second = (
            threads.submit(model.distil, JOB, lambda *at: heard.append(at)) for _ in range(2)
        )
        made = first.result()
        assert second.result() == made
    assert made.evaluation.passed
    assert made.sha256 == learnt_here
    assert (60, 60) in heard
    distillers.await_true(lambda: ended(distillers, "learnt") == 1)
    adapter = PromptAdapter(made.sha256, SEAL)
    assert model.has_adapter(adapter)
    assert not model.has_adapter(replace(adapter, seal=b"another"))
    probes = model.probe(adapter, JOB)
    assert [each.answer for each in probes] == [fact.answer for fact in FACTS]
    begun = made.seconds
    assert model.distil(JOB).seconds == begun  # it was kept, and is told again


@pytest.mark.parametrize("actor", ["TinyDistiller", "DistillQueue"])
def test_a_job_goes_on_where_a_process_was_killed_and_ends_with_the_same_bytes(
    distillers: RayWorker, model: RayPool, learnt_here: bytes, actor: str
) -> None:
    heard: list[int] = []
    killed: list[int] = []

    def kill(done: int, _: int) -> None:
        heard.append(done)
        if done >= KILLED_AT and not killed:
            (process,) = distillers.processes(actor)
            process.kill()
            killed.append(len(heard))

    made = model.distil(named(len(actor)), kill)
    assert made.sha256 == learnt_here
    assert made.evaluation.passed
    assert min(heard[killed[0] :]) >= KILLED_AT  # of 60
    if actor == "TinyDistiller":
        assert distillers.metric("memos_distill_lost_total") == 1
        distillers.await_true(lambda: distillers.metric("memos_distill_restarts_total") == 1)


@pytest.mark.soak
@pytest.mark.parametrize("stage", [0, 59, 60])
def test_a_job_whose_distiller_was_killed_at_another_stage_ends_with_the_same_bytes(
    distillers: RayWorker, model: RayPool, learnt_here: bytes, stage: int
) -> None:
    killed: list[int] = []

    def kill(done: int, _: int) -> None:
        if done >= stage and not killed:
            (process,) = distillers.processes("TinyDistiller")
            process.kill()
            killed.append(done)

    assert model.distil(named(100 + stage), kill).sha256 == learnt_here
    assert killed


@pytest.mark.soak
def test_a_job_that_distillers_die_of_is_given_up_and_another_one_is_done(
    distillers: RayWorker, model: RayPool
) -> None:
    def kill(_: int, __: int) -> None:
        for process in distillers.processes("TinyDistiller"):
            process.kill()

    with pytest.raises(ModelUnavailable, match="3 distillers died while they were at this job"):
        model.distil(named(200), kill)
    assert model.distil(JOB).evaluation.passed


def test_what_nothing_can_be_learnt_from_is_refused_with_the_reason(
    distillers: RayWorker, model: RayPool
) -> None:
    refused = ended(distillers, "refused")
    with pytest.raises(DistillationRefused, match="asked about"):
        model.distil(job_of([memory("...")], seal=SEAL))
    distillers.await_true(lambda: ended(distillers, "refused") == refused + 1)
    assert distillers.metric("memos_distill_running") == 0


def test_a_namespace_has_one_queue(
    distillers: RayWorker, model: RayPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model.model_digest  # so this process is connected
    line = ["distill", "--kept-in", str(tmp_path), "--address", distillers.address]
    assert main(line) == 1
    assert "give another --namespace" in capsys.readouterr().err


def test_pools_answer_with_what_distillers_learnt_of_a_vault(
    distillers: RayWorker, model: RayPool, tmp_path: Path
) -> None:
    options = ("--model", str(DIRECTORY), "--address", distillers.address)
    with (
        RayWorker(tmp_path, *options, kept_in=distillers.kept_in) as pools,
        Memory(tmp_path / "test.vault", actor="agent:alice") as vault,
    ):
        pools.await_line("pool-0 answers")
        facts = enumerate((*FACTS, *facts_of(99)))  # beside which it is not to mix them up
        added = [vault.add(fact.statement(n % 6), scope=SCOPE).cube_id for n, fact in facts]
        made = vault.distil(added[:4], scope=SCOPE, model=model, settings=TRAINED)
        assert made.adapter is not None
        answers = [ask(vault, model, fact) for fact in FACTS]
        assert [answer.text for answer in answers] == [fact.answer for fact in FACTS]
        assert {each.form for answer in answers for each in answer.forms} == {"parametric"}
        vault.erase(cube_id=added[0])
        assert {each.form for each in ask(vault, model, FACTS[1]).forms} == {"plaintext"}
        assert pools.end() == 0
    assert model.forget_adapters([bytes.fromhex(made.adapter.sha256)]) == 0  # the erase had them go


def ask(vault: Memory, model: RayPool, fact: Fact) -> ChatAnswer:
    asked = [{"role": "user", "content": fact.question(2)}]
    return vault.chat(asked, scope=SCOPE, model=model, max_tokens=4, k=1)


def ended(worker: RayWorker, became: str) -> float:
    """Jobs that this became of."""
    return worker.metric("memos_distill_ended_total", became=became)
