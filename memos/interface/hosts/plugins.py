"""The folders that hosts load: written for one vault, one actor and one scope."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from memos.infrastructure.release import RELEASE
from memos.infrastructure.writing import writing
from memos.interface.hosts.hook import OTHERS_SECONDS, RECALLS
from memos.interface.hosts.settings import SETTINGS, HookSettings, state_directory
from memos.kernel.errors import InvalidInput

_HERE = Path(__file__).parent
_DESCRIPTION = "Memories of MemOS: recalled before each prompt, retained after each answer."
_MARGIN_SECONDS = 10
"""How much longer the host waits for a hook than the hook itself, which says so in its log."""


def write_plugin(
    host: str, folder: Path, *, vault: Path, actor: str, scope: str, budget_ms: int
) -> Path:
    """Write the plugin of a host; one of ours that is there is written anew.

    Args:
        host: `claude-code` or `hermes`.
        folder: the plugin's own, or for Hermes its home directory, which has the plugins in it.
        vault: the vault's directory or settings file.
        actor: on whose behalf the agent remembers.
        scope: under which its sessions lie.
        budget_ms: how long a prompt waits for what is recalled.

    Returns:
        The plugin's folder.

    Raises:
        InvalidInput: there is something else.
    """
    state = state_directory(str(vault), actor, scope)
    settings = HookSettings(
        python=sys.executable,
        vault=str(vault),
        actor=actor,
        scope=scope,
        budget_ms=budget_ms,
        state=str(state),
    )
    plugin, write = _PLUGINS[host]
    place = folder / plugin if plugin else folder
    is_ours = (place / SETTINGS).is_file()
    if place.exists() and not is_ours and (not place.is_dir() or any(place.iterdir())):
        raise InvalidInput(f"{place} holds something else: name an empty folder, or a new one")
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        settings.write(place / SETTINGS)
        write(place, settings)
    return place


def _write_claude_code(folder: Path, settings: HookSettings) -> None:
    shutil.copyfile(_HERE / "hook.py", folder / "hook.py")
    # Isolated, and without the packages that are installed: so it starts in milliseconds.
    hook = f'{shlex.quote(settings.python)} -I -S "${{CLAUDE_PLUGIN_ROOT}}/hook.py"'
    line = f'{hook} "${{CLAUDE_PLUGIN_ROOT}}/{SETTINGS}"'
    seconds = {
        RECALLS: settings.budget_ms // 1000,
        "Stop": OTHERS_SECONDS,
        "PreCompact": OTHERS_SECONDS,
    }
    hooks = {
        event: [{"hooks": [{"type": "command", "command": line, "timeout": own + _MARGIN_SECONDS}]}]
        for event, own in seconds.items()
    }
    server = [
        "-m", "memos", "mcp", "--vault", settings.vault, "--actor", settings.actor,
        "--scope", settings.scope, "--hooks", f"${{CLAUDE_PLUGIN_ROOT}}/{SETTINGS}",
    ]  # fmt: skip
    manifest = {"name": "memos", "version": RELEASE, "description": _DESCRIPTION}
    _write_json(folder / ".claude-plugin" / "plugin.json", manifest)
    _write_json(folder / "hooks" / "hooks.json", {"description": _DESCRIPTION, "hooks": hooks})
    _write_json(
        folder / ".mcp.json",
        {"mcpServers": {"memos": {"command": settings.python, "args": server}}},
    )


def _write_hermes(folder: Path, _: HookSettings) -> None:
    shutil.copyfile(_HERE / "hermes_plugin.py", folder / "__init__.py")
    manifest = f'name: memos\nversion: {RELEASE}\ndescription: "{_DESCRIPTION}"\n'
    (folder / "plugin.yaml").write_text(manifest, "utf-8")


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


_PLUGINS: Mapping[str, tuple[str, Callable[[Path, HookSettings], None]]] = {
    "claude-code": ("", _write_claude_code),
    "hermes": ("plugins/memos", _write_hermes),
}
HOSTS = tuple(_PLUGINS)
