"""What the adapters import, and what they say where a library is absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = ["langgraph", "langchain_core", "agents", "mem0", "qdrant_client", "fastapi"]


def printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("imported", ["memos", "memos.compat", "memos.compat.mem0"])
def test_no_library_is_loaded_that_a_program_did_not_ask_for(imported: str) -> None:
    program = f"import sys, {imported}; print([n for n in {LIBRARIES} if n in sys.modules])"
    assert printed(program) == "[]"


@pytest.mark.parametrize(
    ("adapter", "library", "package"),
    [
        ("langgraph", "langgraph", "langgraph-checkpoint>=4.3"),
        ("openai_agents", "agents", "openai-agents>=0.22"),
    ],
)
def test_an_absent_library_is_told_in_words(adapter: str, library: str, package: str) -> None:
    told = printed(
        f"import sys; sys.modules['{library}'] = None\n"
        f"try:\n    import memos.compat.{adapter}\n"
        "except ImportError as error:\n    print(error)"
    )
    assert f"`pip install '{package}'`" in told
    assert "not installed" in told


def test_a_library_that_is_too_old_is_told_in_words() -> None:
    told = printed(
        "import langgraph.store.base as base\n"
        "del base.validate_op_namespace\n"
        "try:\n    import memos.compat.langgraph\n"
        "except ImportError as error:\n    print(error)"
    )
    assert "validate_op_namespace" in told
    assert "langgraph-checkpoint>=4.3" in told
