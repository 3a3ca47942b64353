from __future__ import annotations

from pathlib import Path

from memos import Memory
from memos.interface.demo import steps as demo_steps
from memos.interface.demo.report import StepReport
from tests.interface.cli.support import Shell


def test_the_demo_runs_without_a_terminal_and_never_asks(shell: Shell) -> None:
    ran = shell.process("demo")
    assert (ran.code, ran.err) == (0, "")
    assert "\x1b" not in ran.out
    assert ran.out.index("1. Import") < ran.out.index(f"{len(demo_steps.STEPS)}. After all of it")
    assert not shell.vault.exists()


def test_every_step_shows_the_code_that_ran(shell: Shell) -> None:
    steps = shell.json("demo")["steps"]
    assert len(steps) == len(demo_steps.STEPS)
    for step in steps:
        assert step["title"]
        assert any("memory" in line for line in step["code"])
        assert step["result"]


def reports(directory: Path) -> dict[str, StepReport]:
    names = [step.__name__ for step in demo_steps.STEPS]
    return dict(zip(names, demo_steps.play(directory), strict=True))


def test_the_demo_keeps_what_it_promises(tmp_path: Path) -> None:
    steps = reports(tmp_path)
    assert "peanuts" in steps["ask"].result[0]
    assert steps["race"].result[0].startswith("Conflict: ")
    assert "-One more thing for Saturday's dinner: I am allergic to peanuts." in (
        steps["compare"].result
    )
    assert steps["plan"].result[0] == "would change 3 cubes:"
    assert steps["undo"].result[0] == "changed 3 cubes:"
    assert "allergic to cashews" in steps["ask_again"].result[0]
    assert "allergic to peanuts" in steps["ask_then"].result[0]
    assert steps["prove"].result[-1].endswith("True")
    assert steps["erase"].result[-1].endswith("True")
    assert steps["look_for_traces"].result[0].endswith("[]")
    assert steps["rebuild"].result[-1] == "the same"
    assert steps["verify_again"].result[0].startswith("ok=True")


def test_a_kept_demo_leaves_a_vault_to_look_into(shell: Shell, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    assert shell.run("demo", "--keep", str(keep)).code == 0
    with Memory(keep / demo_steps.VAULT, actor="agent:host", create=False) as memory:
        assert memory.verify().ok
    again = shell.run("demo", "--keep", str(keep))
    assert again.code == 2
    assert "not an empty directory" in again.err


def test_the_trace_hunter_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "leak.txt").write_text("my Surgery in June")
    assert demo_steps.files_with(tmp_path, demo_steps.WORD) == ["leak.txt"]
