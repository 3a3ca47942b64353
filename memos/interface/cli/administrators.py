"""Commands on who administers a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import Console, clean

Tenant = Annotated[str, typer.Argument(help="The first segment of its scopes.")]
Whom = Annotated[str, typer.Argument(metavar="ACTOR", help="Who is to administer it, or no more.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Say who administers a tenant.")
    app.add_typer(group, name="administrator")
    command(group, "grant", group="administrator")(grant)
    command(group, "revoke", group="administrator")(revoke)
    command(group, "list", group="administrator")(list_all)


def grant(run: Run, tenant: Tenant, whom: Whom) -> None:
    """Make an actor administrator of a tenant."""
    with run.open() as memory:
        receipt = memory.grant_administrator(tenant, whom)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "granted"))


def revoke(run: Run, tenant: Tenant, whom: Whom) -> None:
    """End what grant gave."""
    with run.open() as memory:
        receipt = memory.revoke_administrator(tenant, whom)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "revoked"))


def list_all(run: Run, tenant: Tenant) -> None:
    """The administrators of a tenant."""
    with run.open() as memory:
        named = memory.administrators(tenant)

    def draw(out: Console) -> None:
        for actor in named:
            layout.line(out, clean(actor))

    run.show([{"actor": actor} for actor in named], draw)
