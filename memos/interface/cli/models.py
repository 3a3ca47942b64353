"""Which model answers: on this machine, or a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memos.kernel.errors import InvalidInput, ModelUnavailable

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import ChatModel
    from memos.parametric.local_learner import LocalLearner

SMOLLM2 = "smollm2"
RAY = "ray"
"""The pools of the cluster at RAY_ADDRESS, or of this machine's; behind a # another namespace."""
CACHE_VARIABLE = "MEMOS_KV_CACHE"
"""Names where local models keep the KV cache of memories, and adapters: else ~/.cache/memos/kv."""

_ADDRESS = ("http://", "https://")

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        envvar="MEMOS_CHAT_MODEL",
        help="smollm2, a model's directory, an OpenAI-compatible server: http://host/v1#model, or pools "
        "of a Ray cluster: ray.",
    ),
]

TeacherOption = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        help="An OpenAI-compatible server, http://host/v1#model, that reads the memories and writes what is learnt; "
        "by default the model itself.",
    ),
]


@contextmanager
def opened_model(name: str, teacher: str | None = None) -> Iterator[ChatModel]:
    """The model that `--model` means; one on this machine keeps what it computed of memories, and the adapters
    that it learnt, in a cache directory, sealed.

    Args:
        name: what `--model` says.
        teacher: what `--teacher` says: who writes what a model on this machine learns.

    Raises:
        InvalidInput: it means none.
        ModelUnavailable: what it needs is not installed.
    """
    is_served = name.startswith(_ADDRESS)
    if teacher is not None and (is_served or name.partition("#")[0] == RAY):
        raise InvalidInput(
            f"--teacher writes what a model on this machine learns, and --model {name} is none"
        )
    if is_served:
        yield _served(name, "--model")
        return
    scheme, _, namespace = name.partition("#")
    if scheme == RAY:
        from memos.infrastructure.chat_models.ray_pool import NAMESPACE, RayPool

        yield RayPool(namespace=namespace or NAMESPACE)
        return
    if name != SMOLLM2 and not Path(name).is_dir():
        raise InvalidInput(
            f"--model {name} is neither {SMOLLM2}, nor {RAY}, nor a directory, nor an address such as "
            "http://127.0.0.1:8000/v1#model"
        )
    # First: to open a model on this machine may take a minute.
    writes = None if teacher is None else _served(teacher, "--teacher")
    with _local(name) as model:
        model.teacher = writes
        yield model


def teacher_name(teacher: str | None) -> str:
    """The name of the model that `--teacher` means; empty for none."""
    return (teacher or "").partition("#")[2]


def _served(name: str, option: str) -> ChatModel:
    from memos.infrastructure.chat_models.openai_compatible import OpenAICompatible

    address, _, model = name.partition("#")
    if not address.startswith(_ADDRESS):
        raise InvalidInput(f"{option} {name} is no address such as http://127.0.0.1:8000/v1#model")
    if not model:
        raise InvalidInput(f"{option} {name} names no model: put it behind #, as in {name}#name")
    return OpenAICompatible(address, model)


def _local(name: str) -> LocalLearner:
    from memos.infrastructure.cache_directory import cache_directory
    from memos.infrastructure.release import pip_install

    try:
        from memos.parametric.local_learner import LocalLearner
    except ImportError as error:
        raise ModelUnavailable(
            f"models on this machine need PyTorch and transformers: {pip_install('activation')}"
        ) from error
    home = cache_directory(CACHE_VARIABLE, "kv")
    if name == SMOLLM2:
        return LocalLearner.smollm2(kept_in=home / SMOLLM2)
    directory = Path(name).resolve()
    digest = sha256(str(directory).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return LocalLearner.load(directory, kept_in=home / f"{directory.name}-{digest}")
