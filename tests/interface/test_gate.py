"""Every public method and every command of the program passes the gate, and is denied there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest

from memos import Denied, DistillationSettings, Memory, NotFound
from memos.infrastructure.governance.decision import Action, Decision, Governor, Resource, Subject
from memos.interface import vaults
from memos.interface.cli import adapters, learn
from memos.interface.serialise import document
from memos.operation.gate import Gate, Passage
from tests.activation.chat_models import write_chat_model
from tests.adapting_model import LearningModel
from tests.infrastructure.chat_models.chat_server import served
from tests.interface.cli.support import Shell
from tests.interface.cli.test_reference import COMMANDS
from tests.interface.odd import ASKED, Echo

ALICE, SCOPE = "agent:alice", "acme/alice"

NO_CALL = {
    "as_actor": "another actor on the open vault: each call of theirs is asked about",
    "close": "lets go of the vault",
    "path": "what the caller passed",
    "reach": "what the caller, or their key, is narrowed to",
    "load_report": "what `load` returned",
}
"""Public members that ask nothing of the vault."""

OPENS_NO_VAULT = {
    "doctor": "looks at files and servers from outside",
    "check-proof": "checks a file by a public key",
    "check-receipt": "checks a file by a public key",
    "recipient": "makes a key pair",
    "vault create": "makes what is missing of a vault, and tells nothing of its memories",
    "vault check-key": "tries a file on what is stored, also where the vault does not open",
    "vault restore": "makes a vault of files, and tells nothing of its memories",
    "vault remove": "asks who administers the vault, and tells nothing of its memories",
    "engine up": "servers",
    "engine status": "servers",
    "engine down": "servers",
    "engine logs": "servers",
    "engine nodetool": "servers",
    "serve": "it acts for who asks: each request passes the gate",
    "worker fold": "a worker acts for nobody",
    "worker index": "a worker acts for nobody",
    "worker usage": "a worker acts for nobody",
    "worker seal": "a worker acts for nobody",
    "worker sweep": "a lifespan acts with the right of who set it",
    "worker kv": "it opens no vault: prompts come from those who passed the gate",
    "worker distill": "it opens no vault: jobs come from those who passed the gate",
    "worker all": "a worker acts for nobody",
    "mcp": "each call of a host is a call of Memory: tests/interface/mcp",
    "hosts install": "writes files beside a vault",
}
"""Commands that act on no vault on anybody's behalf."""


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that went through the gate, each with a decision made there."""
    operations: list[str] = []
    leave = Passage.__exit__

    def leave_noted(passage: Passage, kind: type[BaseException] | None, *rest: object) -> None:
        leave(passage, kind, *rest)  # raises where nothing was decided
        operations.append(passage.operation)

    monkeypatch.setattr(Passage, "__exit__", leave_noted)
    return operations


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor=ALICE) as opened:
        yield opened


def calls(memory: Memory, folder: Path) -> Mapping[str, Callable[[], object]]:
    """One call of every public method, and of the functions on whole vaults."""
    first, second = (memory.add(text, scope=SCOPE).cube_id for text in ("pottery", "lakes"))
    (event, *_) = memory.events()
    archived = memory.add("old", scope=SCOPE).cube_id
    memory.archive(archived)
    fields = memory.add("fields", scope=SCOPE).cube_id
    out_of_sight = memory.add("older", scope=SCOPE).cube_id
    memory.archive(out_of_sight)
    held = memory.add("held", scope=SCOPE).cube_id
    memory.freeze(held)
    under_hold = memory.add("under hold", scope=SCOPE).cube_id
    memory.hold(under_hold)
    (folder / "lines.jsonl").write_text('{"text": "imported"}\n')
    memory.export(folder / "export")
    model = LearningModel()
    active = [memory.activate([cube], scope=SCOPE, model=model).cube_id for cube in (first, second)]
    adapter, retired, outdated = (
        memory.distil([cube], scope=SCOPE, model=model, distractors=[]).cube_id
        for cube in (first, second, fields)
    )
    memory.update(fields, "meadows")
    erased = memory.erase(cube_id=memory.add("gone", scope=SCOPE).cube_id)
    issued, rotated, revoked = (memory.create_api_key(ALICE, tenant="acme") for _ in range(3))
    return {
        "adapter": lambda: memory.adapter(adapter),
        "adapters": lambda: memory.adapters(SCOPE),
        "backpatch": lambda: memory.backpatch(adapter, model=model),
        "distil": lambda: memory.distil([first, second], scope=SCOPE, model=model),
        "learn": lambda: memory.learn(SCOPE, model=model, budget_bytes=100),
        "learning_curve": lambda: memory.learning_curve(SCOPE),
        "promote": lambda: memory.promote(adapter, 2),
        "rebuild_adapter": lambda: memory.rebuild_adapter(outdated, model=model),
        "rebuilt_adapters": lambda: memory.rebuilt_adapters(erased),
        "retire": lambda: memory.retire(retired),
        "retire_outdated": lambda: memory.retire_outdated(SCOPE),
        "activate": lambda: memory.activate([first, second], scope=SCOPE, model=model),
        "activations": lambda: memory.activations(SCOPE),
        "evict": lambda: memory.evict(active[0]),
        "materialise": lambda: memory.materialise(active[1]),
        "reactivate": lambda: memory.reactivate(SCOPE, model=model),
        "schedule": lambda: memory.schedule(SCOPE, budget_bytes=100, model=model),
        "accesses": lambda: memory.accesses(cube_id=first),
        "add": lambda: memory.add("a", scope=SCOPE),
        "administrators": lambda: memory.administrators("acme"),
        "api_keys": lambda: memory.api_keys("acme"),
        "as_api_key": lambda: memory.as_api_key(issued.key),
        "create_api_key": lambda: memory.create_api_key("agent:bob", tenant="acme"),
        "rotate_api_key": lambda: memory.rotate_api_key(rotated.api_key.key_id, tenant="acme"),
        "revoke_api_key": lambda: memory.revoke_api_key(revoked.api_key.key_id, tenant="acme"),
        "grant_administrator": lambda: memory.grant_administrator("acme", "agent:bob"),
        "revoke_administrator": lambda: memory.revoke_administrator("acme", "agent:bob"),
        "add_many": lambda: memory.add_many([{"text": "a", "scope": SCOPE}]),
        "add_conversation": lambda: memory.add_conversation(
            [{"text": "hi"}], scope=SCOPE, session="s"
        ),
        "archive": lambda: memory.archive(memory.add("b", scope=SCOPE).cube_id),
        "archive_many": lambda: memory.archive_many([memory.add("b", scope=SCOPE).cube_id]),
        "audit": memory.audit,
        "backup": lambda: memory.backup(folder / "backup"),
        "checkpoint": memory.checkpoint,
        "context": lambda: memory.context("pottery", scope=SCOPE),
        "context_session": lambda: memory.context_session(scope=SCOPE).turn("pottery"),
        "chat": lambda: memory.chat(ASKED, scope=SCOPE, model=Echo(), remember=True),
        "count": lambda: memory.count(scope=SCOPE),
        "cuts": memory.cuts,
        "denials": lambda: memory.denials(cube_id=first),
        "diff": lambda: memory.diff(first, 1, 1),
        "digest": memory.digest,
        "embed_pending": lambda: expect_value_error(memory.embed_pending),
        "embedding_lag": lambda: expect_value_error(memory.embedding_lag),
        "erase": lambda: memory.erase(cube_id=memory.add("rivers", scope=SCOPE).cube_id),
        "events": lambda: list(memory.events()),
        "export": lambda: memory.export(folder / "again"),
        "extract_facts": lambda: memory.extract_facts(SCOPE),
        "find_id": lambda: memory.find_id(first),
        "freeze": lambda: memory.freeze(memory.add("c", scope=SCOPE).cube_id),
        "get": lambda: memory.get(first),
        "history": lambda: memory.history(first),
        "hold": lambda: memory.hold(memory.add("c", scope=SCOPE).cube_id),
        "lift_hold": lambda: memory.lift_hold(under_hold),
        "import_export": lambda: memory.import_export(folder / "export"),
        "import_file": lambda: memory.import_file(folder / "lines.jsonl", scope=SCOPE),
        "lineage": lambda: memory.lineage(first),
        "link": lambda: memory.link(first, second),
        "list": lambda: memory.list(scope=SCOPE),
        "load": lambda: Memory.load(folder / "export", memory.path, actor=ALICE).close(),
        "merge": lambda: memory.merge([memory.add(t, scope=SCOPE).cube_id for t in "de"]),
        "migrated_from": memory.migrated_from,
        "name_cut": lambda: memory.name_cut("before"),
        "prove": lambda: memory.prove(event.event_id),
        "prove_consistency": lambda: memory.prove_consistency(1),
        "rebuild": memory.rebuild,
        "rotate_root_key": memory.rotate_root_key,
        "related": lambda: memory.related(first),
        "restore": lambda: memory.restore(archived),
        "restore_many": lambda: memory.restore_many([out_of_sight]),
        "rollback": lambda: memory.rollback(first, to_version=1),
        "route": lambda: memory.route("pottery", scope=SCOPE),
        "scopes": lambda: memory.scopes(SCOPE),
        "search": lambda: memory.search("pottery", scope=SCOPE),
        "set_header": lambda: memory.set_header(first, priority=1),
        "set_lifespan": lambda: memory.set_lifespan(first, "90d"),
        "keep_queries": memory.keep_queries,
        "queries": lambda: memory.queries(SCOPE),
        "set_sensitivities": lambda: memory.set_sensitivities("acme", ["low", "high"]),
        "sensitivities": lambda: memory.sensitivities("acme"),
        "set_vocabulary": lambda: memory.set_vocabulary(SCOPE, ["home"]),
        "stats": memory.stats,
        "subjects": lambda: memory.subjects(SCOPE),
        "sweep": memory.sweep,
        "tag": lambda: memory.tag(first, "home"),
        "tag_many": lambda: memory.tag_many(["home"], [first]),
        "tags": lambda: memory.tags(SCOPE),
        "thaw": lambda: memory.thaw(held),
        "untag": lambda: memory.untag(first, "home"),
        "untag_many": lambda: memory.untag_many(["home"], [first]),
        "update": lambda: memory.update(first, "new"),
        "update_many": lambda: memory.update_many([first], "new"),
        "usage_digest": memory.usage_digest,
        "verifier_key": memory.verifier_key,
        "verify": memory.verify,
        "vocabulary": lambda: memory.vocabulary(SCOPE),
        "wait_for": lambda: memory.wait_for("0:0"),
        "vaults.migrate": lambda: vaults.migrate(memory.path, folder / "moved", actor=ALICE),
    }


def expect_value_error(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="needs an embedder"):
        call()


def test_every_public_method_passes_the_gate(
    memory: Memory, passed: list[str], tmp_path: Path
) -> None:
    every = calls(memory, tmp_path)
    public = {name for name, _ in inspect.getmembers(Memory) if not name.startswith("_")}
    assert {name for name in every if "." not in name} == public - NO_CALL.keys()
    for name, call in every.items():
        passed.clear()
        call()
        assert passed, f"{name} goes around the gate"


class Refuses:
    """Denies everything, whatever it is about."""

    digest = bytes(16)

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        return Decision(False, "nothing-is-allowed")


ASKS_OF_NO_MEMORY = {
    "as_api_key": "who calls; each call of theirs is asked about",
    "audit": "the whole vault; for who is not narrowed to a tenant",
    "checkpoint": "the log's tree; for who is not narrowed to a tenant",
    "cuts": "names of moments",
    "digest": "the whole vault; for who is not narrowed to a tenant",
    "embed_pending": "the vault embeds on its own; this waits for it",
    "embedding_lag": "a count",
    "events": "shows what the row check lets through: nothing here",
    "find_id": "finds what the row check lets through: nothing here",
    "migrated_from": "logs that came before",
    "name_cut": "names a moment; for who is not narrowed to a tenant",
    "prove": "a hash of the log; for who is not narrowed to a tenant",
    "prove_consistency": "the log's tree; for who is not narrowed to a tenant",
    "rebuild": "changes nothing that can be read; for who is not narrowed to a tenant",
    "stats": "counts; for who is not narrowed to a tenant",
    "usage_digest": "the whole vault; for who is not narrowed to a tenant",
    "verifier_key": "a public key",
    "verify": "the whole vault; for who is not narrowed to a tenant",
    "wait_for": "a position",
}
"""Calls that pass the gate without a question to the governor, and why."""

GOVERNED = sorted(
    {name for name, _ in inspect.getmembers(Memory) if not name.startswith("_")}.union(
        {"vaults.migrate"}
    ).difference(NO_CALL, ASKS_OF_NO_MEMORY)
)


@pytest.mark.parametrize("name", GOVERNED)
def test_what_governance_refuses_is_not_done(memory: Memory, tmp_path: Path, name: str) -> None:
    every = calls(memory, tmp_path)
    memory._session.access_log.flush()
    before = memory.digest()
    memory._session.gate.governor = Refuses()
    opens_a_vault: dict[str, Callable[[], object]] = {
        "load": lambda: Memory.load(
            tmp_path / "export", memory.path, actor=ALICE, governor=Refuses()
        ),
        "vaults.migrate": lambda: vaults.migrate(
            memory.path, tmp_path / "moved", actor=ALICE, governor=Refuses()
        ),
    }
    with pytest.raises((Denied, NotFound), match="nothing-is-allowed"):
        opens_a_vault.get(name, every[name])()
    assert memory.digest() == before


class Hides:
    """Denies one memory, of whose header the index knows nothing."""

    digest = bytes(16)

    def __init__(self, cube_id: str) -> None:
        self.cube_id = cube_id

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        return Decision(resource.cube_id != self.cube_id, "one-is-hidden")


def test_a_governor_is_asked_of_every_memory_that_would_be_shown(memory: Memory) -> None:
    hidden, shown = (
        memory.add(text, scope=SCOPE, tags=["clay"]).cube_id for text in ("pot", "jug")
    )
    cut = memory.name_cut("now").position
    memory._session.gate.governor = Hides(hidden)
    assert [hit.cube_id for hit in memory.search("pot jug", scope=SCOPE)] == [shown]
    assert [hit.cube_id for hit in memory.search("pot jug", scope=SCOPE, as_of=cut)] == [shown]
    assert memory.tags(SCOPE) == {"clay": 1}
    assert [cube.cube_id for cube in memory.list(as_of=cut)] == [shown]
    assert (memory.count(), memory.scopes(), memory.subjects()) == (1, {SCOPE: 1}, {SCOPE: 1})
    assert "pot" not in memory.context("pot jug", scope=SCOPE).text
    assert {entry.cube_id for entry in memory.events(scope=SCOPE)} == {shown}


def command_lines(memory: Memory, folder: Path, model: LearningModel) -> Mapping[str, list[str]]:
    """A command line for every command that acts on a vault, but for those that need a model."""
    first, second, third = (
        memory.add(text, scope=SCOPE).cube_id for text in ("pottery", "lakes", "clay")
    )
    (event, *_) = memory.events()
    (folder / "lines.jsonl").write_text('{"text": "imported"}\n')
    memory.export(folder / "export")
    spare = memory.add("rivers", scope=SCOPE).cube_id
    active = [memory.activate([cube], scope=SCOPE, model=model).cube_id for cube in (first, second)]
    adapter, retired = (
        memory.distil([cube], scope=SCOPE, model=model, distractors=[]).cube_id
        for cube in (spare, third)
    )
    again = DistillationSettings(seed=1)
    memory.distil([spare], scope=SCOPE, model=model, distractors=[], settings=again)
    erased = memory.erase(cube_id=memory.add("gone", scope=SCOPE).cube_id)
    (folder / "receipt.json").write_text(document("erase", erased))
    rotated, revoked = (
        memory.create_api_key(ALICE, tenant="acme").api_key.key_id for _ in range(2)
    )
    return {
        "api-key create": ["acme", ALICE],
        "api-key list": ["acme"],
        "api-key rotate": ["acme", rotated],
        "api-key revoke": ["acme", revoked],
        "distil": ["--scope", SCOPE, spare],
        "learn": [SCOPE],
        "backpatch": [adapter],
        "adapters list": ["--scope", SCOPE],
        "adapters show": [adapter],
        "adapters promote": [adapter, "3"],
        "adapters rebuild": [adapter],
        "adapters rollback": [adapter],
        "adapters rebuilt": [str(folder / "receipt.json")],
        "adapters retire": [retired],
        "activations": ["--scope", SCOPE],
        "evict": [active[0]],
        "materialise": [active[1]],
        "demo": [],
        "add": ["a text", "--scope", SCOPE],
        "import": [str(folder / "lines.jsonl"), "--scope", SCOPE],
        "search": ["pottery", "--scope", SCOPE],
        "list": [],
        "count": [],
        "scopes": [],
        "subjects": [],
        "accesses": ["--cube", first],
        "denials": [],
        "context": ["pottery", "--scope", SCOPE],
        "related": [first],
        "route": ["pottery", "--scope", SCOPE],
        "tags": ["--scope", SCOPE],
        "sensitivities": ["acme"],
        "keep-queries": ["--for", "30d"],
        "queries": ["--scope", SCOPE],
        "vocabulary": ["--scope", SCOPE],
        "facts": [SCOPE],
        "get": [first],
        "history": [first],
        "update": [first, "new"],
        "diff": [first, "1", "2"],
        "lineage": [first],
        "tag": [first, "home"],
        "untag": [first, "home"],
        "link": [first, second],
        "merge": [second, third],
        "archive": [first],
        "restore": [first],
        "freeze": [first],
        "thaw": [first],
        "hold": [third],
        "lift-hold": [third],
        "administrator grant": ["acme", "agent:bob"],
        "administrator revoke": ["acme", "agent:bob"],
        "administrator list": ["acme"],
        "set-header": [first, "--priority", "1"],
        "lifespan": [first, "--after", "90d"],
        "sweep": [],
        "rollback": ["--by", ALICE, "--dry-run"],
        "erase": ["--cube", spare, "--yes"],
        "events": [],
        "tail": [],
        "checkpoint": [],
        "verify": [],
        "audit": [],
        "prove": [event.event_id],
        "rebuild": [],
        "vault rotate-key": [],
        "digest": [],
        "stats": [],
        "export": [str(folder / "again")],
        "backup": [str(folder / "backup")],
        "load": [str(folder / "export")],
        "migrate": ["--from", str(memory.path), "--to", str(folder / "moved")],
        "cut name": ["before"],
        "cut list": [],
        "vault generations": [],
    }


def test_every_command_passes_the_gate(
    memory: Memory, passed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_KV_CACHE", str(tmp_path / "kv"))
    model = LearningModel()
    for module in (adapters, learn):
        monkeypatch.setattr(module, "opened_model", lambda name, teacher=None: nullcontext(model))
    lines = command_lines(memory, tmp_path, model)
    on_model = ["--scope", SCOPE, "--model", str(write_chat_model(tmp_path / "tiny"))]
    lines = {
        **lines,
        "activate": [memory.add("fields", scope=SCOPE).cube_id, *on_model],
        "schedule": ["--megabytes", "1", *on_model],
    }
    with served() as server:
        lines = {**lines, "chat": ["pottery", "--scope", SCOPE, "--model", f"{server.url}#small"]}
        _check_passing(memory, passed, lines)


def _check_passing(memory: Memory, passed: list[str], lines: Mapping[str, list[str]]) -> None:
    assert sorted([*lines, *OPENS_NO_VAULT]) == COMMANDS
    shell = Shell(memory.path)
    for name, arguments in lines.items():
        passed.clear()
        ran = shell.run(*name.split(), *arguments)
        assert ran.code == 0, (name, ran.err)
        assert passed, f"memos {name} goes around the gate"


def test_there_is_one_gate(monkeypatch: pytest.MonkeyPatch, memory: Memory) -> None:
    """Nothing else asks a governor: as often as one is asked, the gate was entered."""
    asked: list[str] = []
    entered: list[str] = []
    rules, enter = type(memory._session.governor), Gate.enter
    decide = rules.decide

    def decide_noted(
        self: Governor,
        subject: Subject,
        action: Action,
        resource: Resource,
        context: dict[str, str],
    ) -> Decision:
        asked.append(context["operation"])
        return decide(self, subject, action, resource, context)

    def enter_noted(self: Gate, operation: str) -> Passage:
        entered.append(operation)
        return enter(self, operation)

    monkeypatch.setattr(rules, "decide", decide_noted)
    monkeypatch.setattr(Gate, "enter", enter_noted)
    receipt = memory.add("pottery", scope=SCOPE)
    memory.get(receipt.cube_id)
    assert asked == entered == ["add", "get"]
