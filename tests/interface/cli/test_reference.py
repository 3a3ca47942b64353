"""docs/cli.md against the program: every command, every option they share, every field of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer

import memos
from memos.infrastructure.reports import BackedUp, GenerationStatus, RootChecked
from memos.infrastructure.transfer.load.loader import LoadReport
from memos.interface.cli import FAMILIES, app, program
from memos.interface.cli.errors import ExitCode
from memos.interface.vaults import (
    GenerationsReport,
    MigrationReport,
    VaultMade,
    VaultRemoved,
    VaultRestored,
)
from memos.operation.commands.export import ExportReport
from memos.operation.commands.importing.file import ImportReport
from memos.operation.commands.rollback_plan import PlannedChange
from memos.operation.erasure_receipt import Artefact
from memos.operation.scheduler.plan import Plan
from memos.operation.scheduler.port import Budget, Decision
from tests.interface.cli.support import Shell

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text("utf-8")
SHAPES = [
    memos.Receipt,
    memos.Rejection,
    memos.MemCube,
    memos.Forgotten,
    memos.Hit,
    memos.ContextBlock,
    memos.ChatAnswer,
    memos.ChatFigures,
    memos.MemoryForm,
    memos.HeldMemory,
    memos.Activation,
    memos.Materialised,
    memos.Distillation,
    memos.Adapter,
    memos.AdapterDetails,
    memos.AdapterVersion,
    memos.AdapterRejection,
    memos.Backpatched,
    memos.LearningRound,
    memos.Learnt,
    memos.RetiredAdapter,
    memos.RebuiltAdapter,
    memos.DistillationSettings,
    memos.Thresholds,
    memos.Evaluation,
    memos.Schedule,
    Plan,
    Budget,
    Decision,
    memos.StableContext,
    memos.Citation,
    memos.Related,
    memos.RelatedReason,
    memos.Route,
    memos.Topic,
    memos.Concept,
    memos.Fact,
    memos.Step,
    memos.Vocabulary,
    memos.FactsReport,
    memos.Change,
    memos.LogEntry,
    memos.DamagedEntry,
    memos.AccessEntry,
    memos.ApiKey,
    memos.CreatedApiKey,
    memos.Diff,
    memos.Lineage,
    memos.LineageEdge,
    memos.Rollback,
    PlannedChange,
    memos.ErasureReceipt,
    memos.ErasePlan,
    memos.Batch,
    memos.PlannedMemory,
    Artefact,
    memos.Sweep,
    memos.SignedCheckpoint,
    memos.Verification,
    memos.Problem,
    memos.Proof,
    memos.Rebuilt,
    memos.Stats,
    memos.Finding,
    ImportReport,
    BackedUp,
    VaultRestored,
    ExportReport,
    LoadReport,
    MigrationReport,
    VaultMade,
    GenerationsReport,
    GenerationStatus,
    memos.RootRotated,
    RootChecked,
    VaultRemoved,
]


def commands(group: typer.Typer, prefix: str = "") -> Iterator[str]:
    for command in group.registered_commands:
        yield f"{prefix}{command.name}"
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{inner.name} ")


COMMANDS = sorted(commands(app))


def test_the_program_has_every_command_it_should() -> None:
    ungrouped = """demo add import list count scopes subjects accesses denials search context chat activate activations evict materialise schedule distil backpatch learn related route tags vocabulary sensitivities keep-queries queries facts get history diff lineage update rollback merge archive
        restore freeze thaw hold lift-hold tag untag link set-header lifespan sweep erase events tail checkpoint
        verify audit prove check-proof check-receipt rebuild digest stats export load doctor recipient
        migrate backup serve mcp"""
    grouped = [f"administrator {name}" for name in ("grant", "revoke", "list")]
    grouped += [f"api-key {name}" for name in ("create", "list", "rotate", "revoke")]
    grouped += [
        f"adapters {name}"
        for name in ("list", "show", "promote", "rollback", "rebuild", "rebuilt", "retire")
    ]
    grouped += ["cut name", "cut list", "vault create", "vault generations", "vault remove"]
    grouped += ["hosts install"]
    grouped += ["vault rotate-key", "vault check-key", "vault restore"]
    grouped += ["engine up", "engine status", "engine down", "engine logs", "engine nodetool"]
    grouped += [
        f"worker {name}"
        for name in ("fold", "index", "usage", "seal", "sweep", "kv", "distill", "all")
    ]
    assert sorted([*ungrouped.split(), *grouped]) == COMMANDS


@pytest.mark.parametrize("family", FAMILIES)
def test_a_command_is_found_by_its_family(family: str) -> None:
    named = {name.partition(" ")[0] for name in commands(program([family]))}
    assert named == set(FAMILIES[family].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_shared_options_and_is_told_of(shell: Shell, command: str) -> None:
    ran = shell.run(*command.split(), "--help")
    assert ran.code == 0
    for option in ("--vault", "--actor", "--json"):
        assert option in ran.out
    before_json = PAGE[: PAGE.index("## Output")]
    assert re.search(rf"`{command}\b", before_json)
    assert f"`{command}`" in PAGE[PAGE.index("## JSON") :]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.__name__))
def test_every_field_of_a_result_is_told_of(shape: type) -> None:
    described = PAGE[PAGE.index("## JSON") :]
    assert [field.name for field in fields(shape) if f"`{field.name}`" not in described] == []


def test_every_exit_code_is_told_of() -> None:
    table = PAGE[PAGE.index("## Exit codes") : PAGE.index("## JSON")]
    assert [code for code in ExitCode if f"| {int(code)} |" not in table] == []
