"""Where there is no cluster, a Ray pool says what to do; what was told is told once. The rest of what it does
is tested on a real cluster, in tests/ray_jobs.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from memos.infrastructure.chat_models.port import CachingModel, PromptAdapter, TokenUsage
from memos.infrastructure.chat_models.ray_pool import RayPool, behind, check_whole
from memos.kernel.errors import ModelUnavailable
from tests.infrastructure.chat_models.test_plain_prompt import PROMPT

NOWHERE = "127.0.0.1:1"


def test_without_a_cluster_it_says_what_to_start() -> None:
    pool = RayPool(NOWHERE)
    assert isinstance(pool, CachingModel)
    for ask in (lambda: list(pool.stream(PROMPT)), lambda: pool.prefill(PROMPT)):
        with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:1: start `memos worker kv`"):
            ask()
    for tell in (
        lambda: pool.evict("v/acme", ["a"]),
        lambda: pool.has_adapter(PromptAdapter(bytes(32), b"")),
        lambda: pool.forget_adapters([bytes(32)]),
        lambda: pool.model_digest,
    ):
        with pytest.raises(ModelUnavailable, match="memos worker kv"):
            tell()


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:", "127.0.0.1:99999"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ModelUnavailable, match="there is no Ray cluster at"):
        list(RayPool(address).stream(PROMPT))


def test_ray_is_loaded_only_when_it_is_needed() -> None:
    program = (
        "import sys; from memos.infrastructure.chat_models.ray_pool import RayPool; RayPool(); "
        "print('ray' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


def test_an_answer_that_comes_again_goes_on_behind_what_was_told() -> None:
    told: list[str | TokenUsage] = ["a", "b"]
    assert list(behind(told, iter(["a", "b", "c", TokenUsage()]))) == ["c", TokenUsage()]


@pytest.mark.parametrize("again", [["a", "x", "c"], ["a", TokenUsage()], ["a"]])
def test_another_answer_is_not_put_behind_what_was_told(again: list[str | TokenUsage]) -> None:
    with pytest.raises(ModelUnavailable, match="begins its answer with other words"):
        list(behind(["a", "b"], iter(again)))


@pytest.mark.parametrize("told", [[], ["a"], [TokenUsage(), "a"]])
def test_an_answer_without_its_end_is_an_error(told: list[str | TokenUsage]) -> None:
    check_whole([*told, TokenUsage()])
    with pytest.raises(ModelUnavailable, match="before its answer was whole"):
        check_whole(told)
