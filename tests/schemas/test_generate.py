"""memos/wire is what the schemas generate, file for file."""

from __future__ import annotations

from pathlib import Path

from schemas.generate import SCHEMAS, generate, stale


def test_generated_code_imports_from_wire() -> None:
    for name, text in generate(SCHEMAS).items():
        assert name.endswith(("_pb2.py", "_pb2.pyi"))
        assert "from memos.v1" not in text


def test_generating_twice_gives_the_same_bytes() -> None:
    assert generate(SCHEMAS) == generate(SCHEMAS)


def test_a_missing_a_changed_and_a_left_over_module_are_named(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""Written by hand."""\n')
    (tmp_path / "same_pb2.py").write_text("1")
    (tmp_path / "changed_pb2.py").write_text("old")
    (tmp_path / "gone_pb2.pyi").write_text("1")
    generated = {"same_pb2.py": "1", "changed_pb2.py": "new", "new_pb2.py": "1"}
    assert stale(generated, tmp_path) == ["changed_pb2.py", "gone_pb2.pyi", "new_pb2.py"]
