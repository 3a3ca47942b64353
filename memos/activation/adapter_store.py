"""Where the adapters of one base model are kept: in memory, and in sealed files that are there after a restart.

An adapter's file opens with the seal that it was kept under, which ends with the key of any memory that the
adapter was made with: where one of those was erased, it is noise.
"""

from __future__ import annotations

import warnings
from collections import Counter, OrderedDict
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import torch

from memos.activation.adapters import Adapter
from memos.activation.errors import ModelRefused
from memos.activation.sealed_box import OpenedBox, sealing_key
from memos.activation.sealed_files import SealedFiles
from memos.activation.segment_store import StoreLimits
from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.errors import Damaged, ModelUnavailable, VaultError
from memos.kernel.keyed_digest import keyed_digest

FORMAT = "memos-adapter/1"
_LENGTH_BYTES = 4
"""In front of the configuration, which stands in front of the tensors."""


class KeptAdapter(NamedTuple):
    """An adapter that was taken in: SHA-256 of its tensors as safetensors (32 bytes), and their bytes."""

    sha256: bytes
    size: int


class AdapterStore:
    """Safe for threads. Several processes may share a directory.

    Attributes:
        directory: of the files; None for in memory only.

    Args:
        base: the digest of the model without adapters (32 bytes).
        device: where that runs.
        directory: for the files; without one adapters are in memory only.
        limits: within which the least recently used go: they can be trained again.
    """

    def __init__(
        self,
        base: bytes,
        device: torch.device,
        directory: Path | None = None,
        limits: StoreLimits | None = None,
    ) -> None:
        most = limits or StoreLimits()
        self._base = base
        self._device = device
        self._most_bytes = most.adapters
        self.directory = directory
        self._files = None if directory is None else SealedFiles(directory, most.adapter_files)
        self._opened: OrderedDict[str, Adapter] = OrderedDict()
        self._forgets: Counter[bytes] = Counter()
        self._lock = Lock()

    def keep(self, files: AdapterFiles, seal: bytes) -> KeptAdapter:
        """Take an adapter in.

        Args:
            files: of an adapter of this base.
            seal: what opens it; empty where it may not be written to a disk. Where it was to be written and cannot
                be, a warning tells, and it is in memory only.

        Raises:
            ModelRefused: it is not plain LoRA.
        """
        adapter = Adapter.parse(files, "what was given")
        named = PromptAdapter(sha256(files.weights).digest(), seal)
        with self._lock:
            forgets = self._forgets[named.sha256]
        self._write(named, files)
        self._take_in(named, adapter, forgets)
        return KeptAdapter(named.sha256, len(files.weights))

    def has(self, named: PromptAdapter) -> bool:
        """Whether it can be had. Of a file that is not what was written a warning tells."""
        try:
            return self._found(named) is not None
        except (Damaged, ModelRefused) as error:
            warnings.warn(f"an adapter is not used: {error}", RuntimeWarning, stacklevel=3)
            return False

    def get(self, named: PromptAdapter) -> Adapter:
        """An adapter, on the model's device.

        Raises:
            ModelUnavailable: it is not kept, does not open, or is of another base.
        """
        try:
            found = self._found(named)
        except (Damaged, ModelRefused) as error:
            raise ModelUnavailable(str(error)) from error
        if found is None:
            raise ModelUnavailable(
                f"the model does not have the adapter {named.sha256.hex()[:16]}, or not under this seal: "
                "distil it again, or ask without"
            )
        return found

    def forget(self, digests: Collection[bytes]) -> int:
        """Remove adapters, under whatever seals; how many there were."""
        # Files first: one that is there afterwards was kept again.
        gone: set[str] = set()
        if self._files is not None:
            gone = {place for each in digests for place in self._files.remove(each.hex())}
        with self._lock:
            self._forgets.update(digests)
            for place in list(self._opened):
                if any(place.startswith(each.hex()) for each in digests):
                    del self._opened[place]
                    gone.add(place)
        return len(gone)

    def _write(self, named: PromptAdapter, files: AdapterFiles) -> None:
        if self._files is None or not named.seal:
            return
        why = f"{len(files.weights):,} bytes are more than all files of adapters may take"
        try:
            sealing = _sealing(named)
            if self._files.write(place_of(named), self._told(), _packed(files), sealing):
                return
        except VaultError as error:
            why = str(error)
        warnings.warn(
            f"an adapter is in memory only, and lost when this process ends: {why}",
            RuntimeWarning,
            stacklevel=4,
        )

    def _found(self, named: PromptAdapter) -> Adapter | None:
        place = place_of(named)
        with self._lock:
            forgets = self._forgets[named.sha256]
            if place in self._opened:
                self._opened.move_to_end(place)
                if self._files is not None:
                    self._files.note_use(place)
                return self._opened[place]
        if self._files is None or not named.seal:
            return None
        try:
            box = self._files.read(place, _sealing(named))
        except Damaged as error:
            raise Damaged(
                f"{self._files.path(place)} is not what was written there: remove it, and distil the memories of "
                "the adapter again"
            ) from error
        if box is None:
            return None
        return self._take_in(named, self._checked(named, box), forgets)

    def _checked(self, named: PromptAdapter, box: OpenedBox) -> Adapter:
        if box.told != self._told():
            raise ModelRefused(
                f"the adapter {named.sha256.hex()[:16]} was trained on another model, or kept by another "
                "release: distil it again"
            )
        files = _unpacked(box.plain)
        if sha256(files.weights).digest() != named.sha256:
            raise Damaged(f"the file of the adapter {named.sha256.hex()[:16]} holds another one")
        return Adapter.parse(files, f"the file of {named.sha256.hex()[:16]}")

    def _take_in(self, named: PromptAdapter, adapter: Adapter, forgets: int) -> Adapter | None:
        """An adapter for this process, unless it was forgotten since it had been so often. One that was
        before has been kept again, by this process or another one.
        """
        here = adapter.on(self._device)
        with self._lock:
            if self._forgets[named.sha256] != forgets:
                return None
            self._opened[place_of(named)] = here
            self._opened.move_to_end(place_of(named))
            over = sum(each.bytes for each in self._opened.values()) - self._most_bytes
            while over > 0 and len(self._opened) > 1:
                over -= self._opened.popitem(last=False)[1].bytes
        return here

    def _told(self) -> dict[str, str]:
        return {"format": FORMAT, "model": self._base.hex()}


def place_of(named: PromptAdapter) -> str:
    """The name of what is kept of an adapter under a seal: neither is found with another one's."""
    return f"{named.sha256.hex()}-{keyed_digest(_sealing(named), b'adapter', named.sha256).hex()}"


def _sealing(named: PromptAdapter) -> bytes:
    return sealing_key(named.seal, b"memos/adapter/v1\n" + named.sha256)


def _packed(files: AdapterFiles) -> bytes:
    configuration = files.configuration.encode()
    return len(configuration).to_bytes(_LENGTH_BYTES) + configuration + files.weights


def _unpacked(plain: bytes) -> AdapterFiles:
    end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES])
    return AdapterFiles(plain[_LENGTH_BYTES:end].decode(), plain[end:])
