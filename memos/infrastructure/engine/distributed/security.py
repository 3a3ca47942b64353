"""The settings of secured servers, as a settings file has them: Kafka's dotted names, TLS files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memos.kernel.errors import InvalidInput

_TLS = ("tls_ca", "tls_certificate", "tls_key")
_KAFKA_TLS = (
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
)
_FILES = {"cassandra": _TLS, "milvus": _TLS}

PROBE = "probe"
"""Has librdkafka look for the system's authorities itself."""


def filled_in(path: Path, name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """A section whose files are named whole, and whose `extra`, Kafka's, is flat text.

    In TOML `sasl.username = "memos"` is a table within a table, and `true` no text: librdkafka
    means the name with its dot, and the text.

    Raises:
        InvalidInput: a file is not there.
    """
    filled = {
        key: _file(path, f"[{name}] {key}", value) if key in _FILES.get(name, ()) else value
        for key, value in section.items()
    }
    if name == "kafka" and isinstance(filled.get("extra"), Mapping):
        filled["extra"] = {
            key: _file(path, f"[kafka.extra] {key}", value) if key in _KAFKA_TLS else value
            for key, value in _flat("", filled["extra"])
        }
    return filled


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, (int, float)):
            yield name, str(value)
        else:
            yield name, value


def _file(path: Path, setting: str, value: Any) -> Any:
    if not isinstance(value, str) or value in ("", PROBE):
        return value
    file = path.parent / value
    if not file.exists():
        raise InvalidInput(f"{path}: {setting} names {file}, which is not there")
    return str(file)
