"""Commands on the API keys by which a tenant's actors call through a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from memos import ApiKey, CreatedApiKey
from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import Console, clean

NEVER = "never"

Tenant = Annotated[str, typer.Argument(help="The first segment of its scopes.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `api-key list` names it.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Issue, list, rotate and revoke API keys.")
    app.add_typer(group, name="api-key")
    command(group, "create", group="api-key")(create)
    command(group, "list", group="api-key")(list_all)
    command(group, "rotate", group="api-key")(rotate)
    command(group, "revoke", group="api-key")(revoke)


def create(
    run: Run,
    tenant: Tenant,
    whom: Annotated[str, typer.Argument(metavar="ACTOR", help="On whose behalf it calls.")],
    name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    actions: Annotated[
        list[str] | None,
        typer.Option(
            "--action",
            help="What it may do: read, create, write, administer; may be repeated. By default the "
            "first three.",
        ),
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help="What it reaches; may be repeated. By default the whole tenant."
        ),
    ] = None,
    expires_after: Annotated[
        str, typer.Option("--expires-after", help="A duration such as 90d, or never.")
    ] = "90d",
) -> None:
    """Issue a key: it is printed once, alone on stdout, and kept nowhere."""
    with run.open() as memory:
        created = memory.create_api_key(
            whom,
            tenant=tenant,
            name=name,
            actions=actions or ("read", "create", "write"),
            scopes=scopes or (),
            expires_after=None if expires_after == NEVER else expires_after,
        )
    _show(run, created)


def list_all(run: Run, tenant: Tenant) -> None:
    """The keys of a tenant that have not ended."""
    with run.open() as memory:
        keys = memory.api_keys(tenant)
    run.show(keys, lambda out: _draw(out, keys))


def rotate(
    run: Run,
    tenant: Tenant,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option("--overlap", help="How much longer the old key is good, or none.")
    ] = "1h",
) -> None:
    """Issue a key in the place of one; it is printed once, alone on stdout."""
    with run.open() as memory:
        rotated = memory.rotate_api_key(
            key_id, tenant=tenant, overlap=None if overlap == "none" else overlap
        )
    _show(run, rotated)


def revoke(run: Run, tenant: Tenant, key_id: KeyId) -> None:
    """End a key for good."""
    with run.open() as memory:
        receipt = memory.revoke_api_key(key_id, tenant=tenant)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "revoked"))


def _show(run: Run, created: CreatedApiKey) -> None:
    """The key alone on stdout, for a script to take it; what is told of it on stderr."""

    def draw(out: Console) -> None:
        layout.line(out, created.key)
        key = created.api_key
        until = NEVER if key.expires is None else layout.when(key.expires)
        sys.stderr.write(
            f"key {key.key_id} for {clean(key.actor)}, expires: {until}; "
            "it is shown this once, and kept nowhere\n"
        )

    run.show(created, draw)


def _draw(out: Console, keys: Sequence[ApiKey]) -> None:
    for key in keys:
        layout.line(out, (key.key_id, "bold"), f"  {clean(key.actor)}  {clean(key.name)}")
        layout.pairs(
            out,
            (
                ("  actions", key.actions),
                ("  scopes", key.scopes or key.tenant),
                ("  created", key.created),
                ("  expires", key.expires or NEVER),
                ("  last used", key.last_used or NEVER),
                ("  replaces", key.replaces or ""),
                ("  replaced by", key.replaced_by or ""),
                ("  of another vault", "nobody can use it here" if key.is_foreign else ""),
            ),
        )
    if not keys:
        layout.line(out, ("none", "italic"))
