"""Commands on the API keys by which actors call through a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from memos import ApiKey, CreatedApiKey
from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import Console, clean
from memos.kernel.errors import InvalidInput
from memos.operation.wording import WHOLE_VAULT

NEVER = "never"

_TENANT_HELP = "The tenant is the first segment of its scopes; none with --whole-vault."
Tenant = Annotated[str | None, typer.Argument(metavar="[TENANT]", help=_TENANT_HELP)]
TenantAndActor = Annotated[
    list[str],
    typer.Argument(
        metavar="[TENANT] ACTOR", help=f"Whose key, on whose behalf it calls. {_TENANT_HELP}"
    ),
]
TenantAndKeyId = Annotated[
    list[str],
    typer.Argument(
        metavar="[TENANT] KEY_ID", help=f"Whose key, as `api-key list` names it. {_TENANT_HELP}"
    ),
]
WholeVault = Annotated[
    bool,
    typer.Option("--whole-vault", help="A key of the whole vault, for its administrator to give."),
]


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
    whom: TenantAndActor,
    whole_vault: WholeVault = False,
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
    tenant, actor = _tenant_and(whom, "ACTOR", whole_vault=whole_vault)
    with run.open() as memory:
        created = memory.create_api_key(
            actor,
            tenant=tenant,
            name=name,
            actions=actions or ("read", "create", "write"),
            scopes=scopes or (),
            expires_after=None if expires_after == NEVER else expires_after,
        )
    _show(run, created)


def list_all(run: Run, tenant: Tenant = None, whole_vault: WholeVault = False) -> None:
    """The keys of a tenant, or of the whole vault, that have not ended."""
    if (tenant is None) is not whole_vault:
        raise InvalidInput("name the tenant, or pass --whole-vault without one")
    with run.open() as memory:
        keys = memory.api_keys(tenant)
    run.show(keys, lambda out: _draw(out, keys))


def rotate(
    run: Run,
    key: TenantAndKeyId,
    whole_vault: WholeVault = False,
    overlap: Annotated[
        str, typer.Option("--overlap", help="How much longer the old key is good, or none.")
    ] = "1h",
) -> None:
    """Issue a key in the place of one; it is printed once, alone on stdout."""
    tenant, key_id = _tenant_and(key, "KEY_ID", whole_vault=whole_vault)
    with run.open() as memory:
        rotated = memory.rotate_api_key(
            key_id, tenant=tenant, overlap=None if overlap == "none" else overlap
        )
    _show(run, rotated)


def revoke(run: Run, key: TenantAndKeyId, whole_vault: WholeVault = False) -> None:
    """End a key for good."""
    tenant, key_id = _tenant_and(key, "KEY_ID", whole_vault=whole_vault)
    with run.open() as memory:
        receipt = memory.revoke_api_key(key_id, tenant=tenant)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "revoked"))


def _tenant_and(named: list[str], what: str, *, whole_vault: bool) -> tuple[str | None, str]:
    """The tenant that a command names, and what it names behind that; no tenant for the whole vault.

    Raises:
        InvalidInput: other words are there.
    """
    if len(named) != (1 if whole_vault else 2):
        raise InvalidInput(f"name TENANT and {what}, or {what} alone with --whole-vault")
    return (None if whole_vault else named[0]), named[-1]


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
                ("  scopes", key.scopes or key.tenant or WHOLE_VAULT),
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
