"""What the published MemoryOS package does with KV caches. Runs in an environment of its own, where that is
called `memos`; `benchmarks.kv_memoryos` starts it.

Reads one JSON object from stdin (see `benchmarks.kv_memoryos.Asked`), and writes one to stdout.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import pickle
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FORKS = 50


class Trap:
    """Unpickled, it makes a file: what a foreign cache file may do."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self._marker),)


def main() -> None:
    """Measure, and tell."""
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):  # the package prints
        told = _measured(asked)
    json.dump(told, sys.stdout)


def _measured(asked: dict[str, Any]) -> dict[str, Any]:
    memory, other = (_memory(directory) for directory in asked["models"])
    return {
        "lengths": _lengths(memory, asked["growing"], asked["question"]),
        **_merged(memory, asked["cases"]),
        **_loaded_by_another(memory, other, asked["growing"], asked["question"]),
        **_forked(memory, asked["long"]),
        "runs_code": _runs_code(other),
    }


def _memory(directory: str) -> Any:
    """The package's KV cache memory on a model of a directory."""
    configs = importlib.import_module("memos.configs.memory")
    room = importlib.import_module("memos.memories.activation.kv")
    model = {"model_name_or_path": directory, "max_tokens": 4, "do_sample": False}
    config = configs.KVCacheMemoryConfig(
        extractor_llm={"backend": "huggingface", "config": model}, memory_filename="kv.pickle"
    )
    return room.KVCacheMemory(config)


def _lengths(memory: Any, text: str, question: str) -> list[int]:
    """How long a stored cache is: before, and after each of three answers from it."""
    item = memory.extract(text)
    memory.add([item])
    lengths = [item.memory.get_seq_length()]
    for _ in range(3):
        memory.llm.generate(_user(question), past_key_values=memory.get_cache([item.id]))
        lengths.append(item.memory.get_seq_length())
    return lengths


def _merged(memory: Any, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Caches of several texts, merged, against one read of the same tokens together."""
    torch = importlib.import_module("torch")
    llm = memory.llm
    same, right, right_joint, most, lengths = 0, 0, 0, 0.0, set()
    asked = 0
    for case in cases:
        items = [memory.extract(text) for text in case["memories"]]
        memory.add(items)
        ids = [_prompt_ids(llm, text) for text in case["memories"]]
        for question, answer in case["questions"]:
            query = _plain_ids(llm, question)
            merged = memory.get_cache([item.id for item in items])
            lengths.add(merged.get_seq_length() == sum(each.shape[1] for each in ids))
            logits, _ = llm._prefill(query, copy.deepcopy(merged))
            joint = llm.model(torch.cat([*ids, query], dim=1)).logits[:, -1]
            most = max(most, float((logits - joint).abs().max()))
            best, best_joint = int(logits.argmax()), int(joint.argmax())
            wanted = int(_plain_ids(llm, answer)[0, 0])
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


def _loaded_by_another(memory: Any, other: Any, text: str, question: str) -> dict[str, Any]:
    """A cache of one model, loaded by another of the same shape."""
    memory.delete_all()
    memory.add([memory.extract(text)])
    with tempfile.TemporaryDirectory() as directory:
        memory.dump(directory)
        other.load(directory)
    found = other.get_all()
    if not found:
        return {"loads_foreign": False, "foreign_differs": False}
    from_foreign = other.llm.generate(_user(question), past_key_values=found[0].memory)
    own = other.extract(text)
    from_own = other.llm.generate(_user(question), past_key_values=own.memory)
    return {"loads_foreign": True, "foreign_differs": from_foreign != from_own}


def _forked(memory: Any, text: str) -> dict[str, Any]:
    """What a request must do that is not to change a stored cache: copy it."""
    cache = memory.extract(text).memory
    times = []
    for _ in range(FORKS):
        started = time.perf_counter()
        copy.deepcopy(cache)
        times.append((time.perf_counter() - started) * 1e3)
    return {"fork_ms": statistics.median(times), "fork_tokens": cache.get_seq_length()}


def _runs_code(memory: Any) -> bool:
    """Whether loading a file runs what stands in it."""
    with tempfile.TemporaryDirectory() as directory:
        marker = Path(directory) / "ran"
        with (Path(directory) / "kv.pickle").open("wb") as file:
            pickle.dump(Trap(str(marker)), file)
        memory.load(directory)
        return marker.exists()


def _user(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def _prompt_ids(llm: Any, text: str) -> Any:
    """The tokens that `extract` reads of a text."""
    content = f"Below is some information about the user.\n{text}"
    said = [{"role": "system", "content": content}]
    prompt = llm.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=False)
    return llm.tokenizer(prompt, return_tensors="pt").input_ids


def _plain_ids(llm: Any, text: str) -> Any:
    return llm.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids


if __name__ == "__main__":
    main()
