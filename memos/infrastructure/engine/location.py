"""From what a caller names to an engine: a directory is an embedded vault, a .toml file settings.

The file says `engine = "embedded"` with a `path`, or `engine = "distributed"` with its servers: the
line by which the same program grows from one into the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.release import pip_install
from memos.infrastructure.reports import Finding, RootChecked
from memos.infrastructure.settings_file import check_present, read_toml
from memos.kernel.errors import InvalidInput, VaultError

if TYPE_CHECKING:
    from memos.infrastructure.engine.embedded.restoration import EmbeddedRestoration
    from memos.infrastructure.engine.migration import MigrationTarget
    from memos.infrastructure.engine.port import Engine
    from memos.infrastructure.engine.removal import VaultRemoval

Wait = Literal["applied", "durable"]
"""When an add returns: as soon as it is readable, or as soon as it is durable."""

Mode = Literal["write", "read"]
"""Whether a vault is written, or only read: then nothing of it changes, and no read is noted."""


def open_engine(
    path: Path,
    *,
    actor: str,
    clock: Callable[[], int],
    create: bool,
    wait: Wait = "applied",
    purpose: Purpose = Purpose.USE,
    mode: Mode = "write",
) -> Engine:
    """Open the vault that a path names.

    Args:
        path: a directory, or a settings file.
        actor: who administers a vault that is made.
        clock: microseconds since 1970.
        create: make an embedded vault where there is none; one on servers is made by Purpose.MAKE.
        wait: when an add returns.
        purpose: what a vault on servers is opened for.
        mode: whether it is written, or only read.

    Raises:
        VaultError: it cannot be opened.
        InvalidInput: its settings do not fit.
    """
    if mode == "read":
        from memos.infrastructure.engine.read_only import ReadOnlyEngine

        return ReadOnlyEngine(_opened(path, actor, clock, wait, purpose, create=False, reads=True))
    return _opened(path, actor, clock, wait, purpose, create=create, reads=False)


def _opened(
    path: Path,
    actor: str,
    clock: Callable[[], int],
    wait: Wait,
    purpose: Purpose,
    *,
    create: bool,
    reads: bool,
) -> Engine:
    if wait not in get_args(Wait):
        raise InvalidInput(f"wait={wait!r}: choose {' or '.join(get_args(Wait))}")
    directory = embedded_directory(path)
    if directory is not None:
        return open_directory(directory, actor=actor, clock=clock, create=create, read_only=reads)
    with distributed_driver():
        from memos.infrastructure.engine.distributed.engine import DistributedEngine
        from memos.infrastructure.engine.distributed.settings import load_settings
    return DistributedEngine(load_settings(path), purpose, creator=actor, durable=wait == "durable")


def open_directory(
    directory: Path,
    *,
    actor: str,
    clock: Callable[[], int],
    create: bool = True,
    read_only: bool = False,
) -> Engine:
    """Open the embedded vault in a directory; see `open_engine`."""
    from memos.infrastructure.engine.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(directory, clock=clock, create=create, creator=actor, read_only=read_only)


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
    unknown = sorted(settings.keys() - {"engine", "path"})
    if unknown:
        raise InvalidInput(
            f"{path}: {', '.join(unknown)} is no setting of an embedded vault: it has engine and path"
        )
    if not isinstance(directory, str):
        raise InvalidInput(f'{path}: engine = "embedded" needs path = "the vault\'s directory"')
    return path.parent / directory


def can_only_be_read(path: Path) -> bool:
    """Whether there is an embedded vault at a path that this process may read and not write."""
    if names_settings(path):
        return False
    from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
    from memos.infrastructure.sqlite.files import can_be_written

    database = path / DATABASE_FILE
    return database.exists() and not can_be_written(database)


def holds_vault(directory: Path) -> bool:
    """Whether there is an embedded vault in a directory."""
    from memos.infrastructure.engine.embedded.creation import DATABASE_FILE

    return (directory / DATABASE_FILE).exists()


def migration_target(path: Path, *, administrator: str) -> MigrationTarget:
    """The vault that is to be made, by a migration, where a path names.

    Raises:
        VaultError: a package of the distributed engine is not installed.
        InvalidInput: its settings do not fit.
    """
    directory = embedded_directory(path)
    if directory is not None:
        from memos.infrastructure.engine.embedded.target import EmbeddedTarget

        return EmbeddedTarget(directory, administrator)
    with distributed_driver():
        from memos.infrastructure.engine.distributed.settings import load_settings
        from memos.infrastructure.engine.distributed.target import DistributedTarget
    return DistributedTarget(load_settings(path), administrator)


def check_root_key(path: Path, key_file: Path) -> RootChecked:
    """Whether a file holds the root key of the vault that a path names, whatever lies in the place of that.

    Raises:
        InvalidInput: there are no such settings, or there is no such file, or it holds no root key.
        VaultError: there is no vault, or it cannot be reached.
    """
    directory = embedded_directory(path)
    if directory is not None:
        from memos.infrastructure.engine.embedded import root_check

        return root_check.check_root_key(directory, key_file)
    with distributed_driver():
        from memos.infrastructure.engine.distributed import root_check as distributed_root_check
        from memos.infrastructure.engine.distributed.settings import load_settings
    return distributed_root_check.check_root_key(load_settings(path), key_file)


def vault_removal(path: Path) -> VaultRemoval:
    """The vault that a path names, as one that is removed.

    Raises:
        VaultError: there is none, or a server does not answer.
        InvalidInput: its settings do not fit.
    """
    directory = embedded_directory(path)
    if directory is not None:
        from memos.infrastructure.engine.embedded.removal import EmbeddedRemoval

        return EmbeddedRemoval(directory)
    with distributed_driver():
        from memos.infrastructure.engine.distributed.removal import DistributedRemoval
        from memos.infrastructure.engine.distributed.settings import load_settings
    return DistributedRemoval(load_settings(path))


def vault_restoration(
    backup: Path, path: Path, keys: Path | None, lists: Sequence[Path], *, is_list_lost: bool
) -> EmbeddedRestoration:
    """The vault that is to be restored from a backup where a path names; see `EmbeddedRestoration`.

    Raises:
        VaultError: the path names servers.
    """
    directory = embedded_directory(path)
    if directory is None:
        raise VaultError(
            f"{path} names servers: their vault is restored with them, as docs/backup.md tells; name a "
            "directory for the backup of a vault in a directory"
        )
    from memos.infrastructure.engine.embedded.restoration import EmbeddedRestoration

    return EmbeddedRestoration(backup, directory, keys, lists, is_list_lost=is_list_lost)


def examine(path: Path) -> tuple[Finding, ...]:
    """What the doctor finds wrong with the vault that a path names; empty where all is well.

    Raises:
        InvalidInput: there is no such settings file.
    """
    if names_settings(path):
        check_present(path)
    try:
        directory = embedded_directory(path)
        if directory is not None:
            from memos.infrastructure.engine.embedded import doctor

            return doctor.examine(directory)
        with distributed_driver():
            from memos.infrastructure.engine.distributed import doctor as distributed_doctor
    except (InvalidInput, VaultError) as error:
        return (Finding("error", str(error), "correct the settings file"),)
    return distributed_doctor.examine(path)


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
            f"the distributed engine needs the package {error.name}: {pip_install('distributed')}"
        ) from error
