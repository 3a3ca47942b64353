"""Promise 13: no pickle, no telemetry, no secret in a log line, no network unless configured."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import memos
from memos import Memory, MemosError

SOURCES = sorted(Path(memos.__file__).parent.rglob("*.py"))
UNSAFE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
NETWORK = {"socket", "http", "urllib", "requests", "httpx", "aiohttp", "smtplib", "ftplib"}
CONFIGURED = (
    "infrastructure/chat_models/openai_compatible.py",
    "infrastructure/chat_models/ray_connection.py",
    "infrastructure/index/models/json_endpoint.py",
    "infrastructure/index/milvus/",
    "infrastructure/metrics_server.py",
    "infrastructure/servers/",
)
"""What speaks to an address that its caller named, or listens at one, and is in use only where it is handed
over.
"""
HEAVY = {
    "torch", "transformers", "ray", "faust", "cassandra", "pymilvus", "confluent_kafka",
    "aiokafka", "kafka", "typer", "rich", "pandas", "scipy", "sklearn", "uvicorn", "fastapi",
    "openai", "httpx2", "pydantic",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_nothing_unpickles_or_evaluates() -> None:
    assert len(SOURCES) > 50
    for path in SOURCES:
        assert UNSAFE.isdisjoint(imports(path)), path
        assert {"eval", "exec", "__import__"}.isdisjoint(calls(path)), path


def test_the_embedded_engine_opens_no_connection() -> None:
    rooms = ("kernel", "operation", "infrastructure")
    speaking = set()
    for path in SOURCES:
        name = path.relative_to(Path(memos.__file__).parent)
        if name.parts[0] in rooms and not NETWORK.isdisjoint(imports(path)):
            speaking.add(name.as_posix())
    assert "infrastructure/index/models/json_endpoint.py" in speaking
    assert [name for name in speaking if not name.startswith(CONFIGURED)] == []


def test_import_memos_loads_nothing_heavy_and_starts_nothing() -> None:
    code = (
        "import sys, threading; import memos;"
        "assert threading.active_count() == 1;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(told.stdout.split())
    assert "memos" in told.stdout.split()


def test_no_log_line_and_no_error_tells_a_secret(
    vault: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "xylophonistquokka"
    told: list[str] = []
    with caplog.at_level(logging.DEBUG), Memory(vault, actor="agent:alice") as memory:
        root = (vault / "root.key").read_text().strip()
        receipt = memory.add(secret, scope="acme", tags=[secret], metadata={"m": secret})
        memory.search(secret, scope="acme")
        for call in (
            lambda: memory.add(secret, scope=".."),
            lambda: memory.update(receipt.cube_id, secret, expected_version=9),
            lambda: memory.restore(receipt.cube_id),
            lambda: memory.add_many([{"text": secret, "scope": "acme", "priority": "x"}]),
        ):
            with pytest.raises(MemosError) as refused:
                call()
            told.append(str(refused.value))
        told.append(repr(receipt))
        created = memory.create_api_key("agent:bob", tenant="acme")
        memory.as_api_key(created.key).search("tea", scope="acme")
        memory.revoke_api_key(created.api_key.key_id, tenant="acme")
        for shown in (created.key, f"{created.key}x", created.key[:-1]):
            with pytest.raises(MemosError) as refused:
                memory.as_api_key(shown)
            told.append(str(refused.value))
        told.append(repr(created))
        memory.verify()
        memory.rebuild()
    out, err = capfd.readouterr()
    for line in (*told, out, err, caplog.text):
        assert secret not in line
        assert root not in line
        assert created.key[20:60] not in line


def test_keys_are_readable_by_their_owner_only(memory: Memory, vault: Path) -> None:
    memory.add("text", scope="acme")
    for name in ("root.key", "keys.db"):
        assert (vault / name).stat().st_mode & 0o077 == 0
    assert vault.stat().st_mode & 0o077 == 0


def test_nothing_on_disk_is_in_clear(memory: Memory, vault: Path) -> None:
    words = ["xylophonist", "quokkatag", "wombatmeta", "numbatsource", "bilbysubject", "potorooask"]
    memory.add(
        words[0], scope="acme", tags=[words[1]], metadata={"k": words[2]}, source=words[3],
        subject=words[4],
    )  # fmt: skip
    memory.search(words[5], scope="acme")
    memory.close()
    for file in vault.iterdir():
        data = file.read_bytes().lower()
        for word in words:
            assert word.encode() not in data, (file, word)
