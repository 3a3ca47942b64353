"""A Ray cluster for a file of tests, the one that asks for it, on the loopback interface, with a token of its own:
`memos worker kv`, or `memos worker distill`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

import pytest

from tests.activation.chat_models import write_chat_model
from tests.engines import REQUIRED_VARIABLE
from tests.ray_jobs.ray_worker import RayWorker
from tests.tiny_model.loaded import DIRECTORY

TOKEN = token_hex(32)
"""One for a process: Ray reads it once."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the tiny chat model."""
    return write_chat_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def ray_files() -> Iterator[Path]:
    """Where Ray keeps its own, in an environment for clusters on the loopback interface. What is connected to one
    is not any more behind a file of tests.
    """
    if find_spec("ray") is None:
        assert os.environ.get(REQUIRED_VARIABLE) != "1", "Ray is not installed"
        pytest.skip("Ray is not installed: make test brings it")
    # Ray's sockets lie below it, and their paths may have 107 bytes.
    directory = tempfile.mkdtemp(prefix="memos-ray-")
    with pytest.MonkeyPatch.context() as patch:
        # Of this process too, before it imports Ray.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        patch.setenv("RAY_TMPDIR", directory)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        # As whoever loads the machine: behind others a pool may take minutes to start.
        patch.setenv("RAY_worker_niceness", "0")
        yield Path(directory)
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def connection_ended() -> Iterator[None]:
    """Ends this process's connection to a cluster behind it."""
    try:
        yield
    finally:
        import ray

        ray.shutdown()


@pytest.fixture(scope="module")
def cluster(
    model: Path, ray_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RayWorker]:
    """A cluster with slots for three pools, one of which answers."""
    kept = tmp_path_factory.mktemp("kept")
    with RayWorker(kept, "--model", str(model), "--replicas", "1:3") as worker:
        worker.await_line("pool-0 answers")
        with connection_ended():
            yield worker


@pytest.fixture(scope="module")
def distillers(ray_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayWorker]:
    """A cluster with one distiller of the tiny trained model, and a slot for a pool."""
    directory = tmp_path_factory.mktemp("distillers")
    program = "tests.ray_jobs.tiny_distiller", "distill"
    with RayWorker(directory, "--model", str(DIRECTORY), program=program) as worker:
        worker.await_line("distiller-0 answers")
        with connection_ended():
            yield worker
