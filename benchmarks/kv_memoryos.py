"""KV caches of memories here and in the published MemoryOS package: the same small model, the same questions.

    python -m benchmarks.kv_memoryos [--json FILE] [--check]

The model is the one that the tests ask (tests/tiny_model): it reads facts, and answers questions on them. The
package is installed into an environment of its own, since it is called `memos`, too, and wants an older
transformers: a few minutes, and a PyTorch of its own. Both read the same token ids, in float32.

A stored cache is used for three answers. Caches of four memories are put together, and asked: against one read
of the same tokens. A cache is loaded by a model of the same shape and other weights. A request is kept from
changing the stored cache: there by a copy, here by a container of references. A cache file holds code.
"""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypedDict

import torch

from benchmarks.harness import ROOM, Report, finish, p50, parse, progress, timed, workshop
from benchmarks.kv_memoryos_worker import Trap
from memos.activation.chain import chain_keys
from memos.activation.pool.file_tier import FileTier
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.reader import KvReader, Prompt
from memos.activation.request_cache import RequestCache
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from tests.tiny_model.language import fresh_facts
from tests.tiny_model.loaded import DIRECTORY

PACKAGE = "MemoryOS==2.0.33"
ENVIRONMENT = ROOM.parent / ".venv-memoryos"
WORKER = ROOM / "kv_memoryos_worker.py"
TENANT, SECRET = "bench", b"a secret of this benchmark's tenant"
UNLIMITED = Limits(2**62)
CASES, MEMORIES, FACTS = 30, 4, 4
FORKS = 1000
COPIES = 12
"""Of the first case's memories: a long memory, whose cache is forked."""
TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
"""The model knows no roles: its prompts are plain texts."""


class Case(TypedDict):
    """Memories, and what is asked of them."""

    memories: list[str]
    questions: list[tuple[str, str]]


class Asked(TypedDict):
    """What the worker is asked.

    Attributes:
        models: two directories, of one shape and different weights.
        growing: the memory from which three answers are given, to `question`.
        cases: those that are merged.
        long: a memory whose cache is forked.
    """

    models: tuple[str, str]
    growing: str
    question: str
    cases: list[Case]
    long: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; the exit code."""
    options = parse("kv_memoryos", __doc__, arguments)
    report = Report()
    with workshop("kv-memoryos-") as directory:
        asked = _asked(directory)
        progress("here")
        here = _here(asked)
        progress(f"{PACKAGE}, in {ENVIRONMENT.name}")
        there = _there(asked)
    for title, name in ROWS:
        report.row(what=title, MemOS=_shown(here[name]), MemoryOS=_shown(there[name]))
    report.figures["same first token as one read %"] = 100 * here["same"]
    report.figures["most |delta logit|"] = here["most_difference"]
    report.figures["growth of a stored cache"] = here["lengths"][-1] - here["lengths"][0]
    report.figures["fork ms"] = here["fork_ms"]
    report.notes.append(f"MemoryOS is {PACKAGE}; a fork is of {here['fork_tokens']:,} tokens.")
    return finish(options, report)


ROWS = (
    ("tokens of a stored cache, before and after each of three answers", "lengths"),
    ("questions on four memories put together", "asked"),
    ("same first token as one read of all", "same"),
    ("answered right", "right"),
    ("answered right by one read of all", "right_joint"),
    ("most |delta logit| against one read", "most_difference"),
    ("the length of what was put together is right", "length_is_right"),
    ("a cache of other weights is taken", "loads_foreign"),
    ("and answers otherwise than the model's own", "foreign_differs"),
    ("a fork of a long cache, ms", "fork_ms"),
    ("loading a cache file runs code in it", "runs_code"),
)


def _asked(directory: Path) -> Asked:
    chance = Random(0)
    cases: list[Case] = []
    for _ in range(CASES):
        facts = fresh_facts(chance, MEMORIES * FACTS, 6)
        memories = [
            " ".join(fact.statement() for fact in facts[start : start + FACTS])
            for start in range(0, len(facts), FACTS)
        ]
        questions = [(fact.question(), fact.answer) for fact in chance.sample(facts, 4)]
        cases.append({"memories": memories, "questions": questions})
    growing = cases[0]["memories"][0]
    long = " ".join(cases[0]["memories"] * COPIES)
    return {
        "models": (str(_model(directory / "one", 1.0)), str(_model(directory / "other", 1.01))),
        "growing": growing,
        "question": cases[0]["questions"][0][0],
        "cases": cases,
        "long": long,
    }


def _model(directory: Path, factor: float) -> Path:
    """The model in a directory that both can load, its weights times a factor."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(DIRECTORY, directory)
    weights = load_file(directory / "model.safetensors")
    changed = {name: tensor * factor for name, tensor in weights.items()}
    save_file(changed, directory / "model.safetensors", {"format": "pt"})
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": TEMPLATE,
        "eos_token": "<|im_end|>",
        "unk_token": "<unk>",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(told))
    return directory


def _there(asked: Asked) -> dict[str, Any]:
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "made").is_file():
        uv = Path(sys.executable).with_name("uv")
        version = torch.__version__.partition("+")[0]
        install = ["pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([uv, "venv", "--quiet", "--clear", ENVIRONMENT], check=True)
        subprocess.run([uv, *install, PACKAGE, f"torch=={version}", "accelerate"], check=True)
        (ENVIRONMENT / "made").touch()
    ran = subprocess.run(
        [python, "-I", WORKER], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"the package failed: {ran.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _here(asked: Asked) -> dict[str, Any]:
    first, second = (Path(directory) for directory in asked["models"])
    tokenizer = TextTokenizer(first)
    model, other = (CausalModel.load(each) for each in (first, second))
    return {
        "lengths": _lengths(model, tokenizer, asked),
        **_put_together(model, tokenizer, asked["cases"]),
        **_foreign(model, other, tokenizer, asked),
        **_fork(model, tokenizer, asked["long"]),
        "runs_code": _runs_code(model, tokenizer, asked),
    }


def _pool() -> Pool:
    return Pool([MemoryTier("memory", UNLIMITED)])


def _prompt(tokenizer: TextTokenizer, memories: Sequence[str], question: str) -> Prompt:
    segments = [tokenizer.literal(text) for text in memories]
    return Prompt(TENANT, SECRET, segments, [tokenizer.literal(question)])


@contextmanager
def _stored(model: CausalModel, pool: Pool, prompt: Prompt) -> Iterator[Any]:
    with pool.lease(TENANT, chain_keys(prompt.segments, model.identity, SECRET)) as lease:
        yield lease.segments


def _lengths(model: CausalModel, tokenizer: TextTokenizer, asked: Asked) -> list[int]:
    pool = _pool()
    reader = KvReader(model, pool)
    prompt = _prompt(tokenizer, [asked["growing"]], asked["question"])
    reader.prefill(prompt)
    lengths = []
    for _ in range(4):
        with _stored(model, pool, prompt) as segments:
            lengths.append(sum(segment.tokens for segment in segments))
        reader.answer(prompt, 4)
    return lengths


def _put_together(
    model: CausalModel, tokenizer: TextTokenizer, cases: Sequence[Case]
) -> dict[str, Any]:
    same, right, right_joint, most, lengths = 0, 0, 0, 0.0, []
    asked = 0
    for case in cases:
        pool = _pool()
        reader = KvReader(model, pool)
        for question, answer in case["questions"]:
            prompt = _prompt(tokenizer, case["memories"], question)
            reader.prefill(prompt)
            cached = reader.answer(prompt, 1)
            whole = [token for ids in (*prompt.segments, *prompt.queries) for token in ids]
            _, joint = model.start((), [whole])
            lengths.append(cached.figures.found_tokens == sum(map(len, prompt.segments)))
            most = max(most, float((cached.first_logits - joint).abs().max()))
            best, best_joint = int(cached.first_logits.argmax()), int(joint.argmax())
            wanted = tokenizer.literal(answer)[0]
            same += best == best_joint
            right += best == wanted
            right_joint += best_joint == wanted
            asked += 1
    return {
        "asked": asked,
        "same": same / asked,
        "right": right / asked,
        "right_joint": right_joint / asked,
        "most_difference": most,
        "length_is_right": all(lengths),
    }


def _foreign(
    model: CausalModel, other: CausalModel, tokenizer: TextTokenizer, asked: Asked
) -> dict[str, Any]:
    """Whether a pool that one model filled serves another."""
    pool = _pool()
    prompt = _prompt(tokenizer, [asked["growing"]], asked["question"])
    KvReader(model, pool).prefill(prompt)
    shared, own = (
        KvReader(other, pool).answer(prompt, 4),
        KvReader(other, _pool()).answer(prompt, 4),
    )
    return {
        "loads_foreign": shared.figures.found_tokens > 0,
        "foreign_differs": shared.token_ids != own.token_ids,
    }


def _fork(model: CausalModel, tokenizer: TextTokenizer, text: str) -> dict[str, Any]:
    pool = _pool()
    prompt = _prompt(tokenizer, [text], "")
    KvReader(model, pool).prefill(prompt)
    with _stored(model, pool, prompt) as segments:
        times = [timed(lambda: RequestCache(model.shape, segments, 1, 32)) for _ in range(FORKS)]
        tokens = sum(segment.tokens for segment in segments)
    return {"fork_ms": p50(times), "fork_tokens": tokens}


def _runs_code(model: CausalModel, tokenizer: TextTokenizer, asked: Asked) -> bool:
    """Whether a file of segments that was put in the place of one's own runs what stands in it."""
    prompt = _prompt(tokenizer, [asked["growing"]], asked["question"])
    with workshop("kv-files-") as directory:
        marker = directory / "ran"
        written = _filed(directory)
        KvReader(model, written).prefill(prompt)
        written.save()
        for file in directory.rglob("*.safetensors"):
            file.write_bytes(pickle.dumps(Trap(str(marker))))
        KvReader(model, _filed(directory)).answer(prompt, 1)
        return marker.exists()


def _filed(directory: Path) -> Pool:
    """A pool that keeps segments in a directory, too."""
    files = FileTier(directory / "segments", UNLIMITED, SECRET[:32], lambda _: (SECRET,))
    return Pool([MemoryTier("memory", UNLIMITED)], files)


def _shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)


if __name__ == "__main__":
    sys.exit(main())
