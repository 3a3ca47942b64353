"""The command that answers from memories."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.models import SMOLLM2, ModelOption, opened_model
from memos.interface.cli.options import EmbedderOption, FilterOption, ScopeRoots, json_object
from memos.interface.cli.terminal import clean
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos import ChatAnswer, Memory
    from memos.interface.cli.terminal import Console

PROMPT = "> "


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "chat")(chat)


def chat(
    run: Run,
    scope: ScopeRoots,
    question: Annotated[
        str | None,
        typer.Argument(help="What is asked. Without it: a line each, from the terminal or stdin."),
    ] = None,
    model: ModelOption = SMOLLM2,
    budget: Annotated[
        int, typer.Option("--budget", help="How many tokens what is found may take.")
    ] = 500,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="How many tokens an answer may have.")
    ] = 256,
    filter_: FilterOption = None,
    embedder: EmbedderOption = None,
    instructions: Annotated[
        str, typer.Option("--instructions", help="What the system message says.")
    ] = "",
    remember: Annotated[
        bool, typer.Option("--remember", help="Add questions and answers to the scope.")
    ] = False,
    session: Annotated[
        str, typer.Option("--session", help="Which session they are of; with --remember.")
    ] = "chat",
    show: Annotated[
        bool, typer.Option("--show", help="Show what the model was given, and what was cached.")
    ] = False,
) -> None:
    """Answers from memories, by a model on this machine or a server."""
    asked: dict[str, Any] = {
        "scope": scope[0] if len(scope) == 1 else scope,
        "budget_tokens": budget,
        "max_tokens": max_tokens,
        "filter": json_object(filter_, "--filter"),
        "remember": remember,
        "session": session,
    }
    with run.open(embedder=embedder) as memory, opened_model(model) as answering:
        talk = _Talk(memory, {**asked, "model": answering}, run, instructions, show=show)
        for each in _questions(question):
            talk.answer(each)


class _Talk:
    """A conversation in the terminal."""

    def __init__(
        self, memory: Memory, asked: dict[str, Any], run: Run, instructions: str, *, show: bool
    ) -> None:
        self._memory = memory
        self._asked = asked
        self._run = run
        self._shows = show
        self._messages: list[dict[str, Any]] = []
        if instructions:
            self._messages.append({"role": "system", "content": instructions})
        self._state = _activated_state(memory, asked, instructions)

    def answer(self, question: str) -> None:
        """Answer the next question: as it comes, or whole as JSON."""
        messages = [*self._messages, {"role": "user", "content": question}]
        stream = self._memory.chat(messages, state=self._state, stream=True, **self._asked)
        with stream:
            pieces = 0
            for piece in stream:
                if not self._run.as_json:
                    sys.stdout.write(clean(piece, keep_newlines=True))
                    sys.stdout.flush()
                    pieces += 1
        answer = stream.answer
        self._messages, self._state = list(answer.messages), answer.state
        if pieces:
            sys.stdout.write("\n")
        self._run.show(answer, lambda out: self._draw(out, answer))

    def _draw(self, out: Console, answer: ChatAnswer) -> None:
        for cite in answer.cited:
            layout.line(out, (f"{cite}  {cite.cube_id}  v{cite.version}", "dim"))
        for came in answer.forms:
            if came.form == "parametric":
                told = f"{came.cube_id}  v{came.version}  from adapter {came.artefact}"
                layout.line(out, (told, "dim"))
        if self._shows:
            _draw_shown(out, answer)


def _activated_state(memory: Memory, asked: dict[str, Any], instructions: str) -> str | None:
    """The state of the newest activation that the conversation can begin with."""
    if not isinstance(asked["scope"], str) or asked["filter"] is not None:
        return None
    states = [
        each.state
        for each in memory.activations(asked["scope"])
        if (each.scope, each.model, each.instructions)
        == (asked["scope"], asked["model"].name, instructions)
    ]
    return states[-1] if states else None


def _draw_shown(out: Console, answer: ChatAnswer) -> None:
    for title, block in (("pinned", answer.context.pinned), ("delta", answer.context.delta)):
        if block.text:
            layout.line(out, (title, "bold"))
            layout.body(out, block.text.rstrip("\n"))
    for reason in answer.context.changed:
        layout.line(out, (f"changed: {clean(reason)}", "dim"))
    for receipt in answer.remembered:
        layout.line(out, (f"remembered: {receipt.cube_id}", "dim"))
    figures = answer.figures
    forms = Counter(came.form for came in answer.forms)
    counted = ", ".join(f"{count} as {form}" for form, count in forms.items())
    told = [
        f"{len(answer.citations)} memories{': ' if counted else ''}{counted}",
        f"first piece after {figures.first_piece_ms:.0f} ms, the last after {figures.total_ms:.0f}",
    ]
    if figures.prompt_tokens is not None:
        cached = "an unknown number" if figures.cached_tokens is None else figures.cached_tokens
        told.append(f"{figures.prompt_tokens} tokens, {cached} of them from a cache")
    layout.line(out, (f"{clean(answer.model)}: {'; '.join(told)}", "dim"))


def _questions(given: str | None) -> Iterator[str]:
    """What is asked: the question that was given, or a line each until there is no more."""
    if given is not None:
        yield given
        return
    is_asked = sys.stdin.isatty()
    is_silent = not is_asked
    while True:
        if is_asked:  # questions go to stderr: stdout belongs to the answers
            sys.stderr.write(PROMPT)
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            break
        if line.strip():
            is_silent = False
            yield line.strip()
    if is_silent:
        raise InvalidInput("there is no question: give one behind chat, or a line each on stdin")
