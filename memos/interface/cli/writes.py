"""Commands that write memories: add, update, tag, untag, link, merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from memos.interface.cli import memory_view
from memos.interface.cli.batch import Cubes, DryRun, FittingFilter, InScope, selection, show
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import (
    IS_CUBE_ID,
    CubeId,
    ExpectVersion,
    json_lines,
    json_object,
    text_or_stdin,
)
from memos.kernel.errors import InvalidInput

Strings = list[str] | None
Source = Annotated[str | None, typer.Option(help="Where it came from, as a path.")]
Tags = Annotated[Strings, typer.Option("--tag", help="A label; repeat for more.")]
Metadata = Annotated[str | None, typer.Option(help="A JSON object.")]
Origin = Annotated[str | None, typer.Option(help="How it came to be, such as 'user input'.")]
Type = Annotated[str | None, typer.Option("--type", help="What it is, such as 'fact'.")]
ValidFrom = Annotated[str | None, typer.Option(help="When it became true in the world.")]
ValidUntil = Annotated[str | None, typer.Option(help="When it stopped being true.")]
Key = Annotated[str | None, typer.Option("--key", help="Idempotency key: a retry has one effect.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "add")(add)
    command(app, "update")(update)
    command(app, "tag")(tag)
    command(app, "untag")(untag)
    command(app, "link")(link)
    command(app, "merge")(merge)


def add(
    run: Run,
    text: Annotated[str, typer.Argument(help="The memory; - reads it from stdin.")],
    scope: Annotated[str, typer.Option(help="Where it belongs, such as acme/alice/chat-7.")],
    source: Source = None,
    subject: Annotated[str | None, typer.Option(help="Whom it is about.")] = None,
    tags: Tags = None,
    metadata: Metadata = None,
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    origin: Origin = None,
    semantic_type: Type = None,
    owner: Annotated[str | None, typer.Option(help="Who administers it.")] = None,
    readers: Annotated[Strings, typer.Option("--reader", help="Who alone may read it.")] = None,
    writers: Annotated[Strings, typer.Option("--writer", help="Who alone may change it.")] = None,
    priority: Annotated[int, typer.Option(help="A whole number.")] = 0,
    sensitivity: Annotated[str | None, typer.Option(help="A label.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What it may be used for.")] = None,
    lifespan: Annotated[str | None, typer.Option(help="A duration such as 90d.")] = None,
    derived_from: Annotated[
        Strings,
        typer.Option(help="A memory that it was made from: its id, or ID@VERSION."),
        IS_CUBE_ID,
    ] = None,
    key: Key = None,
) -> None:
    """Remember a text; the vault is made when there is none."""
    metadata_object = json_object(metadata, "--metadata")
    content = text_or_stdin(text)
    with run.open(create=True) as memory:
        receipt = memory.add(
            content,
            scope=scope,
            source=source,
            subject=subject,
            tags=tags or (),
            metadata=metadata_object,
            valid_from=valid_from,
            valid_until=valid_until,
            origin=origin,
            semantic_type=semantic_type,
            owner=owner,
            readers=readers or (),
            writers=writers or (),
            priority=priority,
            sensitivity=sensitivity,
            purpose=purpose,
            lifespan=lifespan,
            derived_from=derived_from or (),
            idempotency_key=key,
        )
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "added"))


def update(
    run: Run,
    cube_id: Annotated[
        str | None,
        typer.Argument(
            help="The memory's id, or how it begins; left out beside --cube or --scope."
        ),
    ] = None,
    text: Annotated[str | None, typer.Argument(help="The new text; - reads it from stdin.")] = None,
    cubes: Cubes = None,
    scope: InScope = None,
    filter_: FittingFilter = None,
    changes_file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="JSON lines, each a memory's cube_id and its own text, tags, ...; - for stdin.",
        ),
    ] = None,
    dry_run: DryRun = False,
    mode: Annotated[str, typer.Option(help="overwrite, append or merge.")] = "overwrite",
    source: Source = None,
    tags: Annotated[Strings, typer.Option("--tag", help="Replace the tags.")] = None,
    metadata: Annotated[
        str | None, typer.Option(help="A JSON object: keys to set; null takes one away.")
    ] = None,
    replace_metadata: Annotated[
        bool, typer.Option("--replace-metadata", help="Make the metadata all that there is.")
    ] = False,
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    origin: Origin = None,
    semantic_type: Type = None,
    reason: Annotated[str | None, typer.Option(help="Why; sealed with the content.")] = None,
    expect_version: ExpectVersion = None,
    key: Key = None,
) -> None:
    """Give a memory a new version, or several the same way or each its own; what is not passed stays."""
    changes: dict[str, Any] = {
        "mode": mode,
        "source": source,
        "tags": tags,
        "metadata": json_object(metadata, "--metadata"),
        "replace_metadata": replace_metadata,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "origin": origin,
        "semantic_type": semantic_type,
        "reason": reason,
    }
    is_several = bool(cubes) or scope is not None
    if changes_file is not None:
        if is_several or cube_id is not None or filter_ is not None:
            raise InvalidInput(
                "--from says of each memory what changes: pass no ids, scope or text"
            )
        _for_one_only(expect_version, key)
        items = json_lines(changes_file, "--from")
        with run.open() as memory:
            show(run, memory.update_many(items, **changes, dry_run=dry_run))
        return
    if is_several:
        if text is not None:
            raise InvalidInput("beside --cube or --scope only a text is passed, and no id")
        cube_id, text = None, cube_id
    elif cube_id is None:
        raise InvalidInput("say which memory: its id, or --cube or --scope for several")
    else:
        cube_id = run.whole_id(cube_id)
    content = None if text is None else text_or_stdin(text)
    if is_several or dry_run:
        _for_one_only(expect_version, key)
        which = selection(cubes or ([cube_id] if cube_id else None), scope, filter_)
        with run.open() as memory:
            show(run, memory.update_many(text=content, **which, **changes, dry_run=dry_run))
        return
    with run.open() as memory:
        receipt = memory.update(
            cube_id or "",
            content,
            **changes,
            expected_version=expect_version,
            idempotency_key=key,
        )
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "updated"))


def _for_one_only(expect_version: int | None, key: str | None) -> None:
    if expect_version is not None or key is not None:
        raise InvalidInput("--expect-version and --key are for one memory, named by its id")


TagNames = Annotated[
    list[str],
    typer.Argument(
        metavar="[CUBE_ID] TAG...",
        help="The memory's id, unless --cube or --scope says which; tags.",
    ),
]


def tag(
    run: Run,
    names: TagNames,
    cubes: Cubes = None,
    scope: InScope = None,
    filter_: FittingFilter = None,
    dry_run: DryRun = False,
    expect_version: ExpectVersion = None,
) -> None:
    """Add tags to a memory, or to several."""
    with run.open() as memory:
        if cubes or scope is not None or dry_run:
            ids, tags = _named(run, names, cubes, scope, expect_version)
            which = selection(ids, scope, filter_)
            show(run, memory.tag_many(tags, **which, dry_run=dry_run))
            return
        receipt = memory.tag(run.whole_id(names[0]), *names[1:], expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "tagged"))


def untag(
    run: Run,
    names: TagNames,
    cubes: Cubes = None,
    scope: InScope = None,
    filter_: FittingFilter = None,
    dry_run: DryRun = False,
    expect_version: ExpectVersion = None,
) -> None:
    """Remove tags from a memory, or from several."""
    with run.open() as memory:
        if cubes or scope is not None or dry_run:
            ids, tags = _named(run, names, cubes, scope, expect_version)
            which = selection(ids, scope, filter_)
            show(run, memory.untag_many(tags, **which, dry_run=dry_run))
            return
        receipt = memory.untag(run.whole_id(names[0]), *names[1:], expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "untagged"))


def _named(
    run: Run, names: list[str], cubes: Strings, scope: str | None, expect_version: int | None
) -> tuple[Strings, list[str]]:
    """The ids and the tags of a command for several memories."""
    if expect_version is not None:
        raise InvalidInput("--expect-version is for one memory, named by its id")
    if cubes or scope is not None:
        return cubes, names
    return [run.whole_id(name) for name in names[:1]], names[1:]


def link(
    run: Run,
    cube_id: CubeId,
    other_id: Annotated[str, typer.Argument(help="The earlier memory."), IS_CUBE_ID],
    relation: Annotated[
        str, typer.Option(help="derived_from, quoted_from, supersedes, same_text_as, linked, ...")
    ] = "derived_from",
) -> None:
    """Say what a memory is to an earlier one."""
    with run.open() as memory:
        receipt = memory.link(cube_id, other_id, relation)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "linked"))


def merge(
    run: Run,
    cube_ids: Annotated[
        list[str], typer.Argument(metavar="CUBE_ID...", help="Two or more memories."), IS_CUBE_ID
    ],
    text: Annotated[
        str | None, typer.Option(help="The merged text; by default their lines, without repeats.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help="Of the new memory.")] = None,
    source: Source = None,
    tags: Tags = None,
    metadata: Metadata = None,
    key: Key = None,
) -> None:
    """Absorb several memories into a new one."""
    content = None if text is None else text_or_stdin(text)
    metadata_object = json_object(metadata, "--metadata")
    with run.open() as memory:
        receipt = memory.merge(
            cube_ids,
            content,
            scope=scope,
            source=source,
            tags=tags,
            metadata=metadata_object,
            idempotency_key=key,
        )
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "merged into"))
