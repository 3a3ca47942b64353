"""The manifest of an adapter's version: what it was made of, on which base, and what it was measured to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, NamedTuple, Self

from memos.infrastructure.chat_models.adapting import (
    DistillationSettings,
    DistilledAdapter,
    Evaluation,
    Role,
    Thresholds,
)
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.outcome import Result
from memos.operation.cube import open_parts

MEDIA_TYPE = "application/vnd.memos.adapter+json"
_SEAL = b"adapter"


class ListedMemory(NamedTuple):
    """A memory that an adapter was made with.

    Attributes:
        cube_id, version: which it is.
        digest: SHA-256 of what is sealed there, in hex.
        role: what it was for; see `Role`.
    """

    cube_id: str
    version: int
    digest: str
    role: str


class Parent(NamedTuple):
    """The adapter that another one took the place of."""

    cube_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterManifest:
    """What the body of an adapter's version says of it. It holds no tensor: those are the model's, and can be
    trained again.

    Attributes:
        job: of what was asked for, in hex; see `DistillationJob.key`.
        model: the model's name.
        model_digest, tokenizer_digest: of the base, in hex.
        generator: the version of what made questions of memories.
        memories: all that it was trained or measured with, in whatever role.
        settings: how it was trained.
        evaluation: what it was measured to do.
        parent: what it takes the place of.
        sha256, size: of the file of its tensors, in hex and in bytes.
        scale: alpha / rank.
        steps, seconds, loss: what training took, and the loss at its end, in nats.
        valid_until: when the first of its sources is no longer true, in microseconds; None for never.
        policy: which decided on it; empty where a caller asked for it.
    """

    job: str
    model: str
    model_digest: str
    tokenizer_digest: str
    generator: str
    memories: tuple[ListedMemory, ...]
    settings: DistillationSettings
    evaluation: Evaluation
    parent: Parent | None
    sha256: str
    size: int
    scale: float
    steps: int
    seconds: float
    loss: float
    valid_until: int | None
    policy: str = ""

    @classmethod
    def of(
        cls,
        made: DistilledAdapter,
        *,
        job: bytes,
        model: str,
        memories: tuple[ListedMemory, ...],
        settings: DistillationSettings,
        parent: Parent | None,
        valid_until: int | None,
        policy: str,
    ) -> Self:
        """The manifest of what a model has just trained."""
        return cls(
            job=job.hex(),
            model=model,
            model_digest=made.model_digest.hex(),
            tokenizer_digest=made.tokenizer_digest.hex(),
            generator=made.generator,
            memories=memories,
            settings=settings,
            evaluation=made.evaluation,
            parent=parent,
            sha256=made.sha256.hex(),
            size=made.size,
            scale=made.scale,
            steps=made.steps,
            seconds=made.seconds,
            loss=made.loss,
            valid_until=valid_until,
            policy=policy,
        )

    @classmethod
    def parse(cls, content: bytes, cube_id: str) -> Self:
        """The manifest in a cube.

        Raises:
            Damaged: it is none.
        """
        try:
            fields = json.loads(content)
            parent = fields.pop("parent")
            manifest = cls(
                memories=tuple(ListedMemory(*each) for each in fields.pop("memories")),
                settings=settings_of(fields.pop("settings")),
                evaluation=evaluation_of(fields.pop("evaluation")),
                parent=None if parent is None else Parent(*parent),
                **fields,
            )
            manifest._check()
            return manifest
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(
                f"cube {cube_id} is an adapter, and holds no manifest of one: retire it, and distil its "
                "memories again"
            ) from error

    def _check(self) -> None:
        """See that what is looked up by it is what it should be: whoever may write the cube could have.

        Raises:
            ValueError: it is not.
        """
        for each in (self.job, self.model_digest, self.tokenizer_digest, self.sha256):
            bytes.fromhex(each)
        for listed in self.memories:
            id_bytes(listed.cube_id)
        numbers = [self.size, *(each.version for each in self.memories)]
        if self.valid_until is not None:
            numbers.append(self.valid_until)
        shares = self.evaluation.by_memory.values()
        if not all(type(number) is int for number in numbers) or not all(
            isinstance(share, (int, float)) for share in shares
        ):
            raise ValueError("a number of it is none")

    @property
    def content(self) -> bytes:
        """As a cube holds it."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()

    @property
    def digest(self) -> bytes:
        """SHA-256 of it (32 bytes)."""
        return sha256(self.content).digest()

    @property
    def sources(self) -> tuple[ListedMemory, ...]:
        """The memories that the adapter holds."""
        return tuple(each for each in self.memories if each.role == Role.SOURCE)

    def holds(self, cube_id: str, version: int) -> bool:
        """Whether it holds a memory at just this version."""
        return any((each.cube_id, each.version) == (cube_id, version) for each in self.sources)


def settings_of(fields: Mapping[str, Any]) -> DistillationSettings:
    """Settings as `asdict` gave them."""
    return DistillationSettings(**{**fields, "thresholds": Thresholds(**fields["thresholds"])})


def evaluation_of(fields: Mapping[str, Any]) -> Evaluation:
    """An evaluation as `asdict` gave it."""
    return Evaluation(**{**fields, "refusals": tuple(fields["refusals"])})


def adapter_manifest(reader: Reader, state: CubeState) -> AdapterManifest | None:
    """The manifest of an adapter as it stands; None where no version of it was promoted, somebody wrote over
    it, or there is no key to open it.
    """
    try:
        parts = open_parts(reader, state)
        if parts is None or parts.media_type != MEDIA_TYPE:
            return None
        return AdapterManifest.parse(parts.content.content.inline, id_text(state.cube_id))
    except Damaged:
        return None


def promoted_versions(
    reader: Reader, cube_id: bytes
) -> Iterator[tuple[Attempt, AdapterManifest | None]]:
    """The versions of an adapter that were promoted, the oldest first, each with its manifest as far as it
    can be opened.
    """
    for attempt in reader.vault.attempts(cube_id):
        if (
            attempt.kind is Kind.DISTILLED
            and attempt.outcome.result is Result.ACCEPTED
            and attempt.state is not None
        ):
            yield attempt, adapter_manifest(reader, attempt.state)


def adapter_seal(reader: Reader, cube_id: bytes, memories: tuple[ListedMemory, ...]) -> bytes:
    """A secret that ends with the key of an adapter's cube, and with that of any memory that it was made with
    (32 bytes): the file of its tensors opens with no other one. Empty where one has ended.
    """
    keys = [
        reader.cube_key(raw) for raw in (cube_id, *(id_bytes(each.cube_id) for each in memories))
    ]
    digests = [keyed_digest(key, _SEAL, b"") for key in keys if key is not None]
    if len(digests) < len(keys):
        return b""
    return sha256(b"memos/adapter-seal/v1\n" + b"".join(digests)).digest()


def sealed_adapter(reader: Reader, cube_id: bytes, manifest: AdapterManifest) -> PromptAdapter:
    """An adapter as a model is asked for it."""
    return PromptAdapter(
        bytes.fromhex(manifest.sha256), adapter_seal(reader, cube_id, manifest.memories)
    )
