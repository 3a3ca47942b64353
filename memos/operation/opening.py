"""From what a caller names to an engine: a directory is an embedded vault, a .toml file settings.

The file says `engine = "embedded"` with a `path`, or `engine = "distributed"` with its servers: the
line by which the same program grows from one into the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.port import Engine
from memos.infrastructure.settings_file import read_toml
from memos.kernel.errors import InvalidInput, VaultError
from memos.operation.analysis import analyse
from memos.operation.search.dense import texts_to_embed

if TYPE_CHECKING:
    from memos.infrastructure.engine.distributed.engine import DistributedEngine

Wait = Literal["applied", "durable"]
"""When an add returns: as soon as it is readable, or as soon as it is durable."""


def open_engine(
    path: Path,
    *,
    actor: str,
    clock: Callable[[], int],
    create: bool,
    wait: Wait,
    leaving: bool = False,
) -> Engine:
    """Open the vault that a path names; `leaving`, to move it away: see `Stores`.

    Raises:
        VaultError: it cannot be opened.
        InvalidInput: its settings do not fit.
    """
    if wait not in get_args(Wait):
        raise InvalidInput(f"wait={wait!r}: choose {' or '.join(get_args(Wait))}")
    directory = embedded_directory(path)
    if directory is not None:
        return EmbeddedEngine(directory, analyse, clock=clock, create=create, creator=actor)
    return _distributed(path, actor=actor, create=create, wait=wait, leaving=leaving)


def names_settings(path: Path) -> bool:
    """Whether a path is meant as a settings file; all others are directories."""
    return path.suffix == ".toml"


def embedded_directory(path: Path) -> Path | None:
    """The directory of the embedded vault that a path names; None where it names servers.

    Raises:
        InvalidInput: it is a settings file that is not there, or says neither.
    """
    if not names_settings(path):
        return path
    settings = read_toml(path)
    engine, directory = settings.get("engine"), settings.get("path")
    if engine == "distributed":
        return None
    if engine != "embedded":
        raise InvalidInput(f'{path}: engine is {engine!r}: choose "embedded" or "distributed"')
    if not isinstance(directory, str):
        raise InvalidInput(f'{path}: engine = "embedded" needs path = "the vault\'s directory"')
    return path.parent / directory


@contextmanager
def distributed_driver() -> Iterator[None]:
    """Inside, what the distributed engine is made of may be imported.

    Raises:
        VaultError: a package of it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise VaultError(
            f"the distributed engine needs the package {error.name}: pip install "
            "'memos[distributed]'"
        ) from error


def as_distributed(engine: Engine) -> DistributedEngine:
    """An engine that is not embedded, as what it is."""
    from memos.infrastructure.engine.distributed.engine import DistributedEngine

    if not isinstance(engine, DistributedEngine):
        raise TypeError(f"{type(engine).__name__} is no engine that is known here")
    return engine


def _distributed(path: Path, *, actor: str, create: bool, wait: Wait, leaving: bool) -> Engine:
    with distributed_driver():
        from memos.infrastructure.engine.distributed.engine import DistributedEngine
        from memos.infrastructure.engine.distributed.settings import load_settings
    return DistributedEngine(
        load_settings(path),
        analyse,
        texts_to_embed,
        create=create,
        creator=actor,
        durable=wait == "durable",
        leaving=leaving,
    )
