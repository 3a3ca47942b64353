"""Generates memos/wire from schemas/memos/v1: `python -m schemas.generate [--check]`.

Runs protoc of the installed grpcio-tools, whose version constraints.txt pins, so that the same
schemas give the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "schemas"
WIRE = ROOT / "memos" / "wire"


class SchemaError(Exception):
    """protoc refused a schema; the message is what it printed."""


def protoc(schemas: Path, *arguments: str) -> None:
    """Run protoc over every schema under `schemas`.

    Raises:
        SchemaError: there is no schema, or protoc found a fault in one.
    """
    names = sorted(str(path.relative_to(schemas)) for path in schemas.glob("memos/*/*.proto"))
    if not names:
        raise SchemaError(f"no schema under {schemas}/memos")
    command = [sys.executable, "-m", "grpc_tools.protoc", "--proto_path", str(schemas)]
    done = subprocess.run(
        [*command, *arguments, *names], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SchemaError(done.stderr.strip())


def generate(schemas: Path) -> dict[str, str]:
    """Return the text of each generated module by its file name, such as `event_pb2.py`."""
    with tempfile.TemporaryDirectory() as out:
        protoc(schemas, "--python_out", out, "--pyi_out", out)
        # protoc names modules after the schema's folder; here they live in memos.wire.
        return {
            path.name: path.read_text("utf-8").replace(
                "from memos.v1 import", "from memos.wire import"
            )
            for path in sorted(Path(out).glob("memos/v1/*_pb2.py*"))
        }


def stale(generated: dict[str, str], wire: Path) -> list[str]:
    """Return the names of modules in `wire` that are missing, changed or no longer generated."""
    present = {path.name: path.read_text("utf-8") for path in wire.glob("*_pb2.py*")}
    names = generated.keys() | present.keys()
    return sorted(name for name in names if generated.get(name) != present.get(name))


def main() -> int:
    """Write memos/wire, or with --check only say whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    check_only = parser.parse_args().check
    try:
        generated = generate(SCHEMAS)
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    changed = stale(generated, WIRE)
    if check_only:
        for name in changed:
            print(f"memos/wire/{name} is not what the schemas generate: make proto")
        return 1 if changed else 0
    for name in changed:
        if name in generated:
            (WIRE / name).write_text(generated[name], "utf-8")
        else:
            (WIRE / name).unlink()
        print(f"memos/wire/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
