"""What a worker does not need it does not load: Milvus's driver brings pandas, seconds of every start."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["streams.__main__", "streams.fold", "streams.index", "memos.interface.cli"]
)
def test_who_asks_no_milvus_loads_nothing_of_its_driver(module: str) -> None:
    program = f"import sys, {module}; print([name for name in ('pymilvus', 'pandas') if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
