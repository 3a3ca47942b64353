"""Pools in a real Ray cluster: what they answer is what a local model answers, whatever happens to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from memos.activation.chat_model import ADAPTERS, LocalModel
from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import (
    ChatMessage,
    ChatPrompt,
    PromptAdapter,
    PromptMemory,
    TokenUsage,
)
from memos.infrastructure.chat_models.ray_pool import RayPool
from memos.kernel.errors import InvalidInput, ModelUnavailable
from tests.activation.chat_models import chat_adapter
from tests.ray_jobs.ray_worker import RayWorker

FIRST = PromptMemory("first", 1, "Answer in French. " * 40, b"the seal of the first")
PROMPT = ChatPrompt(
    owner="v/acme",
    opening="Be.\n",
    pinned=(FIRST, PromptMemory("second", 1, "She left.\n", b"the seal of the second")),
    closing="",
    messages=(ChatMessage("user", "Where?"),),
    max_tokens=12,
)


@pytest.fixture(scope="module")
def pool(cluster: RayWorker) -> RayPool:
    return RayPool(cluster.address)


@pytest.fixture(scope="module")
def local(model: Path) -> LocalModel:
    return LocalModel.load(model)


def answer(model: LocalModel | RayPool, prompt: ChatPrompt) -> tuple[str, TokenUsage]:
    *pieces, usage = model.stream(prompt)
    assert isinstance(usage, TokenUsage)
    return "".join(map(str, pieces)), usage


def owned(owner: str) -> ChatPrompt:
    """The same text, of somebody else."""
    return replace(PROMPT, owner=owner)


def test_it_answers_as_a_local_model_and_reads_what_was_computed_before(
    pool: RayPool, local: LocalModel
) -> None:
    asked = owned("v/equal")
    (text, cold), (again, cached) = answer(pool, asked), answer(pool, asked)
    assert text == again == answer(local, asked)[0] != ""
    assert (cold.cached_tokens, cold.form) == (0, "activation")
    assert cached == answer(local, asked)[1]
    ahead = pool.prefill(asked)
    assert (ahead.computed_tokens, ahead.tier) == (0, "files")
    assert pool.evict("v/equal", ["second"]) == 1
    assert pool.prefill(asked).computed_tokens > 0
    with pytest.raises(InvalidInput, match="give fewer memories"):
        answer(pool, replace(asked, messages=(ChatMessage("user", "x" * 17_000),)))


def test_two_owners_with_the_same_text_share_nothing(pool: RayPool, local: LocalModel) -> None:
    one, other = answer(pool, owned("v/one")), answer(pool, owned("v/other"))
    assert (one[1].cached_tokens, other[1].cached_tokens) == (0, 0)
    assert one[0] == other[0] == answer(local, PROMPT)[0]
    assert answer(pool, owned("v/one"))[1].cached_tokens


def test_pools_answer_with_adapters_that_a_model_keeps_where_they_do(
    cluster: RayWorker, pool: RayPool, model: Path, tmp_path: Path
) -> None:
    assert isinstance(pool, AdapterServingModel)
    with LocalModel.load(model, adapters_in=cluster.kept_in / ADAPTERS) as keeper:
        files = chat_adapter(tmp_path).files()
        named = PromptAdapter(keeper.keep_adapter(files, b"the seals").sha256, b"the seals")
        assert pool.model_digest == keeper.model_digest
        asked = replace(owned("v/adapted"), adapters=(named,))
        assert pool.has_adapter(named)
        assert not pool.has_adapter(replace(named, seal=b"others"))
        adapted = answer(pool, asked)
        assert adapted[0] == answer(keeper, asked)[0] != answer(pool, owned("v/adapted"))[0]
        assert answer(pool, asked)[1].cached_tokens
    assert pool.forget_adapters([named.sha256]) >= 1
    assert not pool.has_adapter(named)
    with pytest.raises(ModelUnavailable, match=named.sha256.hex()[:16]):
        answer(pool, asked)


def test_a_pool_killed_while_it_answers_comes_back_with_its_files_and_the_answer_is_whole(
    cluster: RayWorker, pool: RayPool, local: LocalModel
) -> None:
    asked = replace(owned("v/killed"), max_tokens=200)
    cluster.await_true(lambda: cluster.metric("memos_kv_pool_up") == 1)
    held = cluster.metric("memos_kv_bytes", tier="files")
    restarts = cluster.metric("memos_kv_restarts_total")
    answer(pool, asked)
    cluster.await_true(lambda: cluster.metric("memos_kv_bytes", tier="files") > held)
    with closing(pool.stream(asked)) as stream:
        pieces = [next(stream) for _ in range(3)]
        (process,) = cluster.processes("KvPool")
        process.kill()
        *rest, usage = stream
    assert "".join(map(str, [*pieces, *rest])) == answer(local, asked)[0]
    assert isinstance(usage, TokenUsage)
    assert usage.cached_tokens  # of the process that was started, whose memory was empty
    cluster.await_true(lambda: cluster.metric("memos_kv_restarts_total") > restarts)
    cluster.await_true(lambda: cluster.metric("memos_kv_hits_total", tier="files") > 0)


def test_a_hundred_at_once_on_a_prefix_that_is_evicted_meanwhile_are_answered_alike(
    cluster: RayWorker, pool: RayPool, local: LocalModel
) -> None:
    asked = owned("v/hundred")
    withdrawn = cluster.metric("memos_kv_withdrawn_total")
    answer(pool, asked)
    with ThreadPoolExecutor(100) as threads:
        answers = [threads.submit(answer, pool, asked) for _ in range(100)]
        evicted = 0
        while not all(each.done() for each in answers):
            evicted += pool.evict("v/hundred", ["first"])
        texts = {each.result()[0] for each in answers}
    assert texts == {answer(local, asked)[0]}
    assert evicted > 0
    cluster.await_true(lambda: cluster.metric("memos_kv_withdrawn_total") >= withdrawn + evicted)
    cluster.await_true(lambda: cluster.metric("memos_kv_requests") == 0)


def test_a_load_that_lasts_brings_a_pool_more(cluster: RayWorker, pool: RayPool) -> None:
    with ExitStack() as streams:
        for number in range(6):
            asked = replace(owned(f"v/load-{number}"), max_tokens=200)
            next(streams.enter_context(closing(pool.stream(asked))))
        cluster.await_true(lambda: cluster.metric("memos_kv_pool_up") > 1)


def test_pools_in_a_cluster_that_is_there_have_their_namespace_and_end_alone(
    cluster: RayWorker, pool: RayPool, local: LocalModel, model: Path, tmp_path: Path
) -> None:
    options = ("--model", str(model), "--address", cluster.address, "--namespace", "guests")
    with RayWorker(tmp_path, *options) as guests:
        guests.await_line("pool-0 answers")
        asked = owned("v/guest")
        guest = RayPool(cluster.address, "guests")
        assert answer(guest, asked)[0] == answer(local, asked)[0]
        assert answer(guest, asked)[1].cached_tokens
        assert answer(pool, asked)[1].cached_tokens == 0
        assert guests.end() == 0
    assert answer(pool, asked)[1].cached_tokens
