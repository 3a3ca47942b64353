"""Adapters are kept sealed, and only what was kept, whole, for this model and under its seal answers."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from memos.activation.adapter_store import AdapterStore
from memos.activation.adapters import Adapter
from memos.activation.errors import ModelRefused
from memos.activation.sealed_box import SEALED, UNFINISHED
from memos.activation.sealed_files import SUFFIX
from memos.activation.segment_store import StoreLimits
from memos.infrastructure.chat_models.adapter_files import WEIGHTS
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.errors import ModelUnavailable
from tests.activation.chat_models import adapter_store, chat_adapter, tiny_chat_model
from tests.activation.peft_adapters import random_adapter
from tests.activation.tiny_models import initialised, qwen3

SEAL = b"seal of the memories"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return chat_adapter(tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "kv" / "adapters"


def variant(adapter: Adapter, number: int) -> Adapter:
    changed = {name: tensor * (1 + number / 8) for name, tensor in adapter.tensors.items()}
    return replace(adapter, tensors=changed)


def kept(store: AdapterStore, adapter: Adapter, seal: bytes = SEAL) -> PromptAdapter:
    return PromptAdapter(store.keep(adapter.files(), seal).sha256, seal)


def is_same(one: Adapter, other: Adapter) -> bool:
    return one.digest == other.digest and one.scale == other.scale


def test_after_a_restart_an_adapter_is_the_same_bit_for_bit(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory)
    named = kept(store, adapter)
    assert is_same(store.get(named), adapter)
    again = adapter_store(directory)
    assert again.has(named)
    assert is_same(again.get(named), adapter)


def test_its_file_is_the_owners_and_tells_nothing_in_clear(
    directory: Path, adapter: Adapter
) -> None:
    named = kept(adapter_store(directory), adapter)
    (path,) = directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert path.name.startswith(named.sha256.hex())
    with safe_open(path, framework="pt") as file:
        assert set(file.metadata()) == {"format", "model"}
        assert list(file.keys()) == [SEALED]
    data = path.read_bytes()
    for secret in (
        b"lora_A",
        b"lora_alpha",
        next(iter(adapter.tensors.values())).numpy().tobytes(),
    ):
        assert secret not in data


def test_without_a_directory_or_a_seal_it_is_in_memory_only(
    directory: Path, adapter: Adapter
) -> None:
    unsealed = adapter_store(directory)
    named = kept(unsealed, adapter, b"")
    assert unsealed.has(named)
    assert not directory.exists()
    store = adapter_store()
    assert store.has(kept(store, adapter))


def test_another_seal_finds_nothing_in_memory_and_on_the_disk(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory)
    named = kept(store, adapter)
    for opened in (store, adapter_store(directory)):
        for seal in (b"", b"seal of the memorie", SEAL + b"\0"):
            assert not opened.has(replace(named, seal=seal))
            with pytest.raises(ModelUnavailable, match="not under this seal"):
                opened.get(replace(named, seal=seal))


def test_two_who_keep_the_same_adapter_open_each_their_own(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory)
    one, other = kept(store, adapter), kept(store, adapter, b"another's seal")
    assert one.sha256 == other.sha256
    again = adapter_store(directory)
    assert again.has(one)
    assert again.has(other)
    assert again.forget([one.sha256]) == 2
    assert list(directory.iterdir()) == []


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other_model(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    save_file(load_file(path), path, {**told, "model": "00" * 32})


def _in_clear(path: Path) -> None:
    save_file({"lora_A": torch.ones(2, 2)}, path)


def _queue(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to(os.devnull)


def _nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


DAMAGES = [
    *(_flipped, _cut, _empty, _other_model, _in_clear),
    *(_queue, _directory, _device, _nowhere),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_changed_is_not_used_and_told(
    directory: Path, adapter: Adapter, damage: Callable[[Path], None]
) -> None:
    named = kept(adapter_store(directory), adapter)
    (path,) = directory.iterdir()
    damage(path)
    store = adapter_store(directory)
    with pytest.warns(RuntimeWarning, match="an adapter is not used: .* distil .*again"):
        assert not store.has(named)
    with pytest.raises(ModelUnavailable):
        store.get(named)


def test_the_file_of_one_adapter_does_not_answer_for_another(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory)
    kept(store, adapter)
    (one,) = directory.iterdir()
    named = kept(store, variant(adapter, 1))
    (other,) = (path for path in directory.iterdir() if path != one)
    one.replace(other)
    with pytest.warns(RuntimeWarning, match="an adapter is not used"):
        assert not adapter_store(directory).has(named)


def test_an_adapter_of_another_base_is_not_used(directory: Path, adapter: Adapter) -> None:
    named = kept(AdapterStore(bytes(32), CPU, directory), adapter)
    store = adapter_store(directory)
    with pytest.warns(RuntimeWarning, match="trained on another model"):
        assert not store.has(named)
    with pytest.raises(ModelUnavailable, match="trained on another model"):
        store.get(named)


def test_what_is_more_than_plain_lora_or_does_not_fit_is_not_kept(
    tmp_path: Path, adapter: Adapter
) -> None:
    model = tiny_chat_model(tmp_path)
    files = adapter.files()
    told = json.dumps({**json.loads(files.configuration), "use_dora": True})
    with pytest.raises(ModelRefused, match="not plain LoRA"):
        model.keep_adapter(files._replace(configuration=told), SEAL)
    short = dict(list(adapter.tensors.items())[:-1])
    with pytest.raises(ModelRefused, match="does not fit"):
        model.keep_adapter(replace(adapter, tensors=short).files(), SEAL)


def test_of_more_files_than_there_is_room_for_the_least_recently_used_goes(
    directory: Path, adapter: Adapter
) -> None:
    size = len(adapter.files().weights)
    limits = StoreLimits(adapters=1, adapter_files=3 * size)
    store = adapter_store(directory, limits)
    first, second = (kept(store, variant(adapter, number)) for number in range(2))
    for number, path in enumerate(sorted(directory.iterdir(), key=os.path.getmtime)):
        os.utime(path, (number, number))
    assert store.has(first)  # so it was used last
    assert store.has(first)  # in memory now
    third = kept(store, variant(adapter, 2))
    assert [store.has(each) for each in (first, second, third)] == [True, False, True]


def test_of_more_adapters_in_memory_than_there_is_room_for_the_least_recently_used_goes(
    adapter: Adapter,
) -> None:
    store = adapter_store(limits=StoreLimits(adapters=2 * adapter.bytes))
    first, second = (kept(store, variant(adapter, number)) for number in range(2))
    assert store.has(first)
    third = kept(store, variant(adapter, 2))
    assert [store.has(each) for each in (first, second, third)] == [True, False, True]


def test_one_that_is_larger_than_all_files_may_be_is_in_memory_and_told(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory, StoreLimits(adapter_files=1000))
    with pytest.warns(RuntimeWarning, match="in memory only"):
        named = kept(store, adapter)
    assert store.has(named)
    assert not adapter_store(directory).has(named)


def test_where_it_cannot_be_written_it_is_in_memory_and_told(
    directory: Path, adapter: Adapter
) -> None:
    directory.parent.mkdir()
    directory.write_text("in the way")
    store = adapter_store(directory)
    with pytest.warns(RuntimeWarning, match="in memory only.*cannot be written"):
        named = kept(store, adapter)
    assert store.has(named)


def test_what_a_killed_process_left_goes_when_its_room_is_needed(
    directory: Path, adapter: Adapter
) -> None:
    size = len(adapter.files().weights)
    directory.mkdir(parents=True)
    left = directory / f".one{SUFFIX}.00{UNFINISHED}"
    left.write_bytes(bytes(size))
    os.utime(left, (0, 0))
    store = adapter_store(directory, StoreLimits(adapter_files=3 * size))
    named = [kept(store, variant(adapter, number)) for number in range(2)]
    assert not left.exists()
    again = adapter_store(directory)
    assert all(map(again.has, named))


def test_what_another_process_kept_again_is_there_again(directory: Path, adapter: Adapter) -> None:
    store, other = adapter_store(directory), adapter_store(directory)
    named = kept(store, adapter)
    assert other.has(named)
    for each in (store, other):
        each.forget([named.sha256])
        assert not each.has(named)
    kept(store, adapter)
    assert other.has(named)


def test_what_was_forgotten_is_gone_until_it_is_kept_again(
    directory: Path, adapter: Adapter
) -> None:
    store = adapter_store(directory)
    named, other = kept(store, adapter), kept(store, variant(adapter, 1))
    assert store.forget([named.sha256]) == 1
    assert store.forget([named.sha256]) == 0
    assert not store.has(named)
    assert not adapter_store(directory).has(named)
    assert store.has(other)
    assert kept(store, adapter) == named
    assert store.has(named)


def test_processes_and_threads_on_one_directory_do_not_disturb_each_other(
    directory: Path, adapter: Adapter
) -> None:
    size = len(adapter.files().weights)
    stores = [
        adapter_store(directory, StoreLimits(adapters=1, adapter_files=4 * size)) for _ in "ab"
    ]

    def keep_and_read(number: int) -> bool:
        store = stores[number % 2]
        mine = variant(adapter, number)
        named = kept(store, mine)
        other = stores[(number + 1) % 2]
        try:
            return is_same(other.get(named), mine)
        except ModelUnavailable:
            return True  # others needed its room meanwhile

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(keep_and_read, range(64)))
    assert sum(path.stat().st_size for path in directory.iterdir()) <= 4 * (size + 4096)


def test_what_is_exported_is_read_by_peft_and_has_the_digest_of_the_manifest(
    tmp_path: Path, adapter: Adapter
) -> None:
    model = tiny_chat_model(tmp_path)
    named = PromptAdapter(model.keep_adapter(adapter.files(), SEAL).sha256, SEAL)
    model.export_adapter(named, tmp_path / "out")
    assert (
        PromptAdapter(model.keep_adapter(Adapter.load(tmp_path / "out").files(), SEAL).sha256, SEAL)
        == named
    )
    assert is_same(Adapter.load(tmp_path / "out"), adapter)
    with pytest.raises(ModelUnavailable, match="does not have the adapter"):
        model.export_adapter(replace(named, seal=b"another"), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == adapter.files().weights


def test_peft_loads_what_is_exported(tmp_path: Path) -> None:
    random_adapter(initialised(qwen3()), tmp_path / "in").save(tmp_path / "out")
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        one = PeftModel.from_pretrained(initialised(qwen3()), tmp_path / "in")(ids).logits
        other = PeftModel.from_pretrained(initialised(qwen3()), tmp_path / "out")(ids).logits
    assert torch.equal(one, other)
