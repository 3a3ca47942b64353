"""Commands that give agents on this machine a memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memos.infrastructure.engine.location import names_settings
from memos.infrastructure.settings_file import check_present
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import clean
from memos.kernel.scope import check_scope
from memos.operation.validation import check_choice, check_limit, check_name

_MOST_MS = 60_000


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    hosts = typer.Typer(no_args_is_help=True, help="Give an agent on this machine a memory.")
    app.add_typer(hosts, name="hosts")
    command(hosts, "install", group="hosts")(install)


def install(
    run: Run,
    host: Annotated[str, typer.Argument(help="claude-code or hermes.")],
    folder: Annotated[
        Path, typer.Argument(help="The plugin's folder; for hermes its home directory.")
    ],
    scope: Annotated[str, typer.Option(help="Under which the agent's sessions lie.")],
    budget_ms: Annotated[
        int, typer.Option("--budget-ms", help="How long a prompt waits for memories.")
    ] = 1000,
) -> None:
    """Write the plugin by which a host recalls and retains memories of this vault."""
    from memos.interface.hosts.plugins import HOSTS, write_plugin

    check_choice(host, HOSTS, "host")
    check_limit(budget_ms, "--budget-ms", _MOST_MS)
    if names_settings(run.vault):
        check_present(run.vault)
    written = write_plugin(
        host,
        folder.expanduser().resolve(),
        vault=run.vault.expanduser().resolve(),
        actor=check_name(run.actor, "actor"),
        scope=check_scope(scope),
        budget_ms=budget_ms,
    )
    run.show(
        {"folder": written},
        lambda out: layout.line(out, f"written to {clean(str(written))}: docs/hosts.md goes on"),
    )
