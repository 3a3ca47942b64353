"""The settings of a distributed vault: one TOML file, checked whole before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from dacite import Config, DaciteError, WrongTypeError, from_dict

from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.engine.distributed.security import filled_in
from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.infrastructure.index.models.embedders import NAMES, Embedder, embedder_named
from memos.infrastructure.index.models.embedders.endpoint import EmbeddingsEndpoint
from memos.infrastructure.keys.erased_list import ERASED_FILE
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.settings_file import read_toml
from memos.kernel.errors import InvalidInput, MemosError

T = TypeVar("T")

_SETTINGS = frozenset(
    {
        "engine",
        "root_key",
        "erased_list",
        "wait_seconds",
        "keep_former_hours",
        "kafka",
        "cassandra",
        "milvus",
        "embedder",
    }
)


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """The model that the index worker embeds with: one by `name`, or an endpoint's.

    Args:
        name: `minilm` or `multilingual`, where `url` is empty.
        url: an OpenAI-compatible endpoint.
        model: the endpoint's name of the model.
        dimensions: the width of the endpoint's vectors.
        api_key: the endpoint's key; never shown.
    """

    name: str = "minilm"
    url: str = ""
    model: str = ""
    dimensions: int = 0
    api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.url:
            missing = [name for name in ("model", "dimensions") if not getattr(self, name)]
            if missing:
                raise InvalidInput(
                    f"url = {self.url!r} needs {' and '.join(missing)} too: what the endpoint calls "
                    "its model, and the width of its vectors"
                )
        elif self.name not in NAMES:
            raise InvalidInput(
                f"name = {self.name!r} is no embedder: choose {', '.join(NAMES)}, or give the url, "
                "model and dimensions of an endpoint"
            )

    def open(self) -> Embedder:
        """The embedder.

        Raises:
            EmbeddingFailed: the model is not installed.
            InvalidInput: a setting does not fit.
        """
        if not self.url:
            embedder = embedder_named(self.name)
            assert embedder is not None  # noqa: S101 - a name was given
            return embedder
        return EmbeddingsEndpoint(
            self.url, self.model, self.dimensions, api_key=self.api_key or None
        )


@dataclass(frozen=True, slots=True)
class DistributedSettings:
    """Where a distributed vault's servers are.

    `root_key` is the file of the key under which all others are wrapped: it is in no server.
    `erased_list` is the file with the list of erases, which is in none either.
    `embedder` is what the index worker embeds with; without it, search goes by words.
    `wait_seconds` is how long a write waits for the workers to make it readable, `keep_former_hours` how
    long projections that a rebuild replaced are kept.
    """

    path: Path
    root_key: Path
    erased_list: Path
    kafka: KafkaSettings
    cassandra: CassandraSettings
    milvus: MilvusSettings | None = None
    embedder: EmbedderSettings | None = None
    wait_seconds: float = field(default=30.0)
    keep_former_hours: float = field(default=24.0)


def with_collections(settings: DistributedSettings, suffix: str) -> DistributedSettings:
    """Settings under which Milvus's collections are those of one vault: two that share a Milvus and a
    prefix do not share them.
    """
    milvus = settings.milvus
    if milvus is None or not suffix:
        return settings
    return replace(settings, milvus=replace(milvus, prefix=f"{milvus.prefix}_{suffix}"))


def load_settings(path: Path) -> DistributedSettings:
    """Read a vault's settings file.

    A value may name an environment variable, as `${CASSANDRA_PASSWORD}`; paths are relative to the
    file.

    Raises:
        InvalidInput: the file is missing or no TOML, or a setting does not fit; the message says
            which.
    """
    values = read_toml(path)
    unknown = sorted(values.keys() - _SETTINGS)
    if unknown:
        raise InvalidInput(
            f"{path}: {', '.join(unknown)} is no setting: choose {', '.join(sorted(_SETTINGS))}"
        )
    root_key = _file(path, values, "root_key", path.parent / "root.key")
    return DistributedSettings(
        path,
        root_key,
        _file(path, values, "erased_list", root_key.with_name(ERASED_FILE)),
        _section(path, values, "kafka", KafkaSettings),
        _section(path, values, "cassandra", CassandraSettings),
        _section(path, values, "milvus", MilvusSettings) if "milvus" in values else None,
        _section(path, values, "embedder", EmbedderSettings) if "embedder" in values else None,
        _positive(path, values, "wait_seconds", 30.0),
        _positive(path, values, "keep_former_hours", 24.0),
    )


def _file(path: Path, values: Mapping[str, Any], name: str, default: Path) -> Path:
    """A file that settings name; it is read again, wherever the program is then."""
    value = values.get(name)
    if value is None:
        return default.absolute()
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{path}: {name} must be the name of a file")
    return (path.parent / value).absolute()


def _positive(path: Path, values: Mapping[str, Any], name: str, default: float) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise InvalidInput(f"{path}: {name} must be a number above 0")
    return float(value)


def _section(path: Path, values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    section = values.get(name)
    if not isinstance(section, Mapping):
        raise InvalidInput(f"{path}: the section [{name}] is missing")
    for key, wanted in get_type_hints(kind).items():
        if get_origin(wanted) is tuple and isinstance(section.get(key), str):
            raise InvalidInput(
                f'{path}: [{name}] {key} must be a list, such as {key} = ["{section[key]}"]'
            )
    try:
        config = Config(strict=True, cast=[tuple], type_hooks={float: float})
        return from_dict(kind, filled_in(path, name, section), config)
    except WrongTypeError as error:  # its own words quote the value, which may be a password
        expected = getattr(error.field_type, "__name__", str(error.field_type))
        raise InvalidInput(
            f"{path}: [{name}] {error.field_path} must be of the type {expected}, and is of the type "
            f"{type(error.value).__name__}"
        ) from None
    except (DaciteError, TypeError) as error:
        raise InvalidInput(f"{path}: [{name}] {error}") from None
    except MemosError as error:
        why = str(error)
        raise InvalidInput(why if str(path) in why else f"{path}: [{name}] {why}") from None
