"""A Ray cluster for a file of tests, the one that asks for it: `memos worker kv`, on the loopback interface,
with a token of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

import pytest

from tests.activation.chat_models import write_chat_model
from tests.engines import REQUIRED_VARIABLE
from tests.ray_jobs.kv_worker import KvWorker


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the tiny chat model."""
    return write_chat_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def cluster(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KvWorker]:
    """A cluster with slots for three pools, one of which answers."""
    if find_spec("ray") is None:
        assert os.environ.get(REQUIRED_VARIABLE) != "1", "Ray is not installed"
        pytest.skip("Ray is not installed: make test brings it")
    # Ray's sockets lie below it, and their paths may have 107 bytes.
    ray_files = tempfile.mkdtemp(prefix="memos-ray-")
    with pytest.MonkeyPatch.context() as patch:
        # Of this process too, before it imports Ray.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", token_hex(32))
        patch.setenv("RAY_TMPDIR", ray_files)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        kept = tmp_path_factory.mktemp("kept")
        with KvWorker(kept, "--model", str(model), "--replicas", "1:3") as worker:
            worker.await_line("pool-0 answers")
            try:
                yield worker
            finally:
                import ray

                ray.shutdown()
    shutil.rmtree(ray_files, ignore_errors=True)
