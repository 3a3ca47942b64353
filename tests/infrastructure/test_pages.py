"""What is installed from a wheel has the pages that messages point to."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from memos.infrastructure.pages import page

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(
    {
        name
        for file in ROOT.glob("memos/**/*.py")
        for name in re.findall(r"page\(['\"]([a-z-]+\.md)['\"]\)", file.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("name", NAMED)
def test_a_page_that_a_message_names_is_there(name: str) -> None:
    assert Path(page(name)).is_file()


def test_a_wheel_has_them_and_the_name_by_which_hints_install_it(tmp_path: Path) -> None:
    assert len(NAMED) >= 3
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("memos_ledger-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = archive.namelist()
        archive.extractall(tmp_path / "site")
    (metadata,) = (tmp_path / "site").glob("*.dist-info/METADATA")
    assert Parser().parsestr(metadata.read_text("utf-8"))["Name"] == "memos-ledger"
    assert {f"memos/docs/{name}" for name in NAMED} <= set(held)
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from memos.infrastructure.pages import page; print(page({NAMED[0]!r}))",
        ],
        cwd=tmp_path / "site",
        env={"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == str(tmp_path / "site" / "memos" / "docs" / NAMED[0])
