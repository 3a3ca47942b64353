"""From what a caller names to an engine: a directory is an embedded vault, a .toml file settings.

The file says `engine = "embedded"` with a `path`, or `engine = "distributed"` with its servers: the
line by which the same program grows from one into the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from memos.infrastructure.embedded import EmbeddedEngine
from memos.infrastructure.engine import Engine
from memos.infrastructure.toml import read_toml
from memos.interface.session import analyse
from memos.kernel.errors import InvalidInput, VaultError
from memos.operation.dense import texts_to_embed

Wait = Literal["applied", "durable"]
"""When an add returns: as soon as it is readable, or as soon as it is durable."""


def open_engine(
    path: Path, *, actor: str, clock: Callable[[], int], create: bool, wait: Wait
) -> Engine:
    """Open the vault that a path names.

    Raises:
        VaultError: it cannot be opened.
        InvalidInput: its settings do not fit.
    """
    if wait not in get_args(Wait):
        raise InvalidInput(f"wait={wait!r}: choose {' or '.join(get_args(Wait))}")
    if path.suffix != ".toml":
        return EmbeddedEngine(path, analyse, clock=clock, create=create, creator=actor)
    settings = read_toml(path)
    engine = settings.get("engine")
    if engine == "embedded":
        return _embedded(path, settings, actor=actor, clock=clock, create=create)
    if engine == "distributed":
        return _distributed(path, actor=actor, create=create, wait=wait)
    raise InvalidInput(f'{path}: engine is {engine!r}: choose "embedded" or "distributed"')


def _embedded(
    path: Path,
    settings: dict[str, object],
    *,
    actor: str,
    clock: Callable[[], int],
    create: bool,
) -> Engine:
    directory = settings.get("path")
    if not isinstance(directory, str):
        raise InvalidInput(f'{path}: engine = "embedded" needs path = "the vault\'s directory"')
    directory_path = path.parent / directory
    return EmbeddedEngine(directory_path, analyse, clock=clock, create=create, creator=actor)


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


def _distributed(path: Path, *, actor: str, create: bool, wait: Wait) -> Engine:
    with distributed_driver():
        from memos.infrastructure.distributed.engine import DistributedEngine
        from memos.infrastructure.distributed.settings import load_settings
    return DistributedEngine(
        load_settings(path),
        analyse,
        texts_to_embed,
        create=create,
        creator=actor,
        durable=wait == "durable",
    )
