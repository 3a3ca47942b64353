"""Markdown: notes as people write them become memories that are found by where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from memos import Forgotten, ImportReport, MemCube, Memory

SCOPE = "acme/notes"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{own}: &{own} [{','.join([f'*{other}'] * 10)}]\n" for other, own in pairwise("abcdefgh")
)
"""A small text whose aliases stand for ten million values."""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def cubes(memory: Memory, report: ImportReport) -> list[MemCube]:
    found = [memory.get(cube_id) for cube_id in report.cube_ids]
    return [cube for cube in found if not isinstance(cube, Forgotten)]


def test_a_folder_gives_a_memory_for_each_section(memory: Memory, folder: Path) -> None:
    write(
        folder,
        {
            "a.md": "---\ntitle: 'On clay'\ntags: [craft, home]\ndate: 2024-03-03\nlinks:\n  - one\n"
            "  - two\n---\nBefore any heading.\n\n# Clay\n\nWet.\n\n```\n# no heading\n```\n\n"
            "## Kiln ##\n\nHot.\n# Empty\n",
            "sub/b.md": "Just words.\n",
            "c.md": "\n",
            "ignored.txt": "Not Markdown.",
        },
    )
    report = memory.import_file(folder, scope=SCOPE)
    found = cubes(memory, report)
    assert report.format == "markdown"
    assert report.skipped == ("c.md: it has no text",)
    assert [cube.text for cube in found] == [
        "a › On clay\n\nBefore any heading.",
        "a › On clay › Clay\n\nWet.\n\n```\n# no heading\n```",
        "a › On clay › Clay › Kiln\n\nHot.",
        "a › On clay › Empty",
        "b\n\nJust words.",
    ]
    assert found[2].tags == ("craft", "home")
    assert found[2].metadata == {
        "title": "On clay",
        "date": "2024-03-03",
        "links": ["one", "two"],
        "file": "a.md",
        "headings": ["Clay", "Kiln"],
    }
    assert str(found[2].valid_from) == "2024-03-03 00:00:00+00:00"
    assert found[2].source == "markdown:notes/a.md/Clay/Kiln"
    assert found[4].source == "markdown:notes/sub/b.md"


def test_a_section_is_found_by_its_file_and_the_headings_above_it(
    memory: Memory, folder: Path
) -> None:
    body = "It listens on {}.\n"
    write(
        folder,
        {
            f"{name}.md": f"# Overview\n\nA service.\n\n## Network\n\n### Port\n\n{body.format(port)}"
            for name, port in (("auth-gateway", 8443), ("billing", 9000), ("search", 9200))
        },
    )
    memory.import_file(folder, scope=SCOPE)
    (hit, *_) = memory.search("Which port does auth-gateway listen on?", scope=SCOPE)
    assert "8443" in hit.text


@pytest.mark.parametrize(
    ("front", "metadata"),
    [
        ("date: soon\n", {"date": "soon"}),
        ("created: 2024\n", {"created": 2024}),
        ("date: {{date}}\n", {"date": "{{date}}"}),
        ("title: Auth: the gateway\n", {"title": "Auth: the gateway"}),
        ("ok: no\nwhen: 12:30\n", {"ok": "no", "when": "12:30"}),
        ("n: 1.5\nempty:\nyes: true\n", {"n": 1.5, "empty": None, "yes": True}),
        ("1: one\n", {"1": "one"}),
        ("text: |\n  a\n  b\n", {"text": "a\nb"}),
        ("a: {b: [1, {c: 2024-05-05}]}\n", {"a": {"b": [1, {"c": "2024-05-05"}]}}),
        ("anchor: &x [1]\nsame: *x\n", {"anchor": [1], "same": [1]}),
        ("a: .inf\n", {"a": ".inf"}),
        ("cssclasses: [wide\nok: fine\n", {"cssclasses": "[wide", "ok": "fine"}),
        ("\tb: 1\nc: 2\n", {"front_matter": "b: 1", "c": 2}),
        ("# a comment\nb: 1\n", {"b": 1}),
        ("a: !!python/object:os.system x\n", {"a": "!!python/object:os.system x"}),
        (LAUGHS, None),
    ],
)
def test_whatever_stands_in_front_matter_becomes_metadata_and_refuses_nothing(
    memory: Memory, folder: Path, front: str, metadata: Mapping[str, object] | None
) -> None:
    write(folder, {"a.md": f"---\n{front}---\nText.\n", "b.md": "Other.\n"})
    (cube, _) = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert cube.text.endswith("Text.")
    assert metadata is None or cube.metadata == {**metadata, "file": "a.md", "headings": []}


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("tags: one\n", ("one",)),
        ("tags: '#one #two'\n", ("one", "two")),
        ("tags: deep work, home\n", ("deep work", "home")),
        ("tags:\n  - 2024\n  - null\n  - '#x'\n", ("2024", "x")),
        ("tags:\n", ()),
        ("tags: {a: b}\n", ()),
    ],
)
def test_tags_are_taken_as_people_write_them(
    memory: Memory, folder: Path, written: str, tags: tuple[str, ...]
) -> None:
    write(folder, {"a.md": f"---\n{written}---\nText.\n"})
    (cube,) = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert cube.tags == tags


def test_toml_is_front_matter_and_words_between_rules_are_not(memory: Memory, folder: Path) -> None:
    write(
        folder,
        {
            "a.md": '+++\ntitle = "On clay"\ndate = 2024-03-03\ntags = ["craft"]\n+++\nText.\n',
            "b.md": "---\n\nWords.\n\n---\n\nMore.\n",
            "c.md": "---\nnever: closed\n",
        },
    )
    toml, ruled, unclosed = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert (toml.metadata["title"], toml.tags) == ("On clay", ("craft",))
    assert str(toml.valid_from) == "2024-03-03 00:00:00+00:00"
    assert "Words." in ruled.text
    assert "More." in ruled.text
    assert "never: closed" in unclosed.text


def test_hidden_and_ignored_folders_stay_out(memory: Memory, folder: Path) -> None:
    write(
        folder,
        {
            "good.md": "Good.",
            ".hidden.md": "No.",
            ".trash/a.md": "No.",
            ".obsidian/a.md": "No.",
            "node_modules/a/README.md": "No.",
            "drafts/a.md": "No.",
            "sub/private-1.md": "No.",
            "sub/private-keep.md": "Kept.",
            "sub/.memosignore": "own/\n",
            "sub/own/a.md": "No.",
            "own/a.md": "Own.",
            ".memosignore": "# not these\ndrafts/\nprivate-*\n!private-keep.md\n",
        },
    )
    found = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert [cube.metadata["file"] for cube in found] == [
        "good.md",
        "own/a.md",
        "sub/private-keep.md",
    ]


def test_a_note_that_cannot_be_read_is_told_and_what_it_held_is_not_missing(
    memory: Memory, folder: Path, tmp_path: Path
) -> None:
    write(folder, {"a.md": "A.", "b.md": "B."})
    memory.import_file(folder, scope=SCOPE)
    write(folder, {"b.md": b"caf\xe9"})
    (tmp_path / "private.md").write_text("Private.")
    (folder / "out.md").symlink_to(tmp_path / "private.md")
    report = memory.import_file(folder, scope=SCOPE, prune=True)
    assert report.skipped == (
        "b.md: it is no UTF-8 text, at byte 3",
        "out.md: it is a link that leads out of the folder",
    )
    assert (report.unchanged, report.removed) == (1, ())
    assert memory.search("Private", scope=SCOPE) == []


def test_a_long_section_is_cut_between_blocks_and_each_part_says_where_it_is(
    memory: Memory, folder: Path
) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 120 for number in range(10)]
    code = "```\n" + "code line\n\n" * 400 + "```"
    table = "| a | b |\n|---|---|\n" + "| one | two |\n" * 200
    entries = "\n".join(f"- entry {number} " + "word " * 40 for number in range(40))
    write(folder, {"a.md": "# Long\n\n" + "\n\n".join([*paragraphs, code, table, entries])})
    found = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert len(found) > 5
    for cube in found:
        assert cube.text.startswith("a › Long\n\n")
    texts = [cube.text for cube in found]
    assert [sum(part in text for text in texts) for part in (code, table.strip())] == [1, 1]
    assert sum("entry 0 " in text and "entry 39 " in text for text in texts) == 0
    whole = "".join(text.partition("\n\n")[2] for text in texts)
    for paragraph in paragraphs:
        assert paragraph.strip() in whole


def test_wiki_links_become_edges_and_those_that_lead_nowhere_are_counted(
    memory: Memory, folder: Path
) -> None:
    write(
        folder,
        {
            "a.md": "See [[b]], [[Sub/C#Kiln|the kiln]], ![[b]] and [[Nobody]].\n\n"
            "```\n[[code]]\n```\n",
            "b.md": "B. [[A]] [[b]]\n",
            "sub/c.md": "---\nup: '[[b]]'\n---\n# Top\n\nT.\n\n## Kiln\n\nHot.\n",
        },
    )
    report = memory.import_file(folder, scope=SCOPE)
    a, b, top, kiln = report.cube_ids

    def linked(cube_id: str) -> set[str]:
        edges = memory.lineage(cube_id, direction="upstream", depth=1).edges
        assert {edge.relation for edge in edges} <= {"linked"}
        return {edge.source[0] for edge in edges}

    assert (linked(a), linked(b), linked(top), linked(kiln)) == ({b, kiln}, {a}, {b}, set())
    assert list(report.not_kept.values()) == [1]
    assert memory.related(a, scope=SCOPE)[0].reasons[0].kind == "lineage"
    memory.erase(cube_id=b)  # a link takes no content along
    assert isinstance(memory.get(a), MemCube)


def test_the_same_headings_twice_are_two_sections(memory: Memory, folder: Path) -> None:
    write(
        folder, {"a.md": "# Log\n\n## Day\n\nOne.\n\n## Day\n\nTwo.\n\nSetext\n------\n\nThree.\n"}
    )
    found = cubes(memory, memory.import_file(folder, scope=SCOPE))
    assert [cube.text.partition("\n\n")[2] for cube in found] == ["", "One.", "Two.", "Three."]
    assert found[2].source == "markdown:notes/a.md/Log/Day/(2)"


def test_no_note_is_odd_enough_to_refuse_a_folder(memory: Memory, folder: Path) -> None:
    write(
        folder,
        {
            "brackets.md": "---\na: " + "[" * 3000 + "\n---\nText.\n",
            "braces.md": "---\na: " + "{a: " * 900 + "}" * 900 + "\n---\nText.\n",
            "dashes.md": f"---\na:\n  {'- ' * 900}x\n---\nText.\n",
            "long.md": f"---\n{'a: b' * 30_000}\n---\nText.\n",
            "digits.md": f"---\na: {'9' * 5000}\n---\nText.\n",
            "far.md": "---\ndate: 0001-01-01T00:00:00+14:00\nvalid_until: 2024-13-45\n---\nText.\n",
            "half.md": '---\na: "\\ud800"\ntags: ["\\ud800"]\ntitle: "\\ud800"\n---\nText.\n',
            "keys.md": "---\na: 1\na: 2\n? [x]\n: y\n---\nText.\n",
            "toml.md": "+++\na = [\nb = 1\n+++\nText.\n",
            "quotes.md": ">" * 2000 + " Text.\n",
            "nul.md": "Te\0xt.\n",
            "bom.md": "\ufeff---\r\ntags: [a]\r\n---\r\nText.\r\n",
            "target.md": "[one]: https://example.org\n",
            f"{'n' * 200}.md": "# " + "h" * 3000 + "\n\nText.\n",
        },
    )
    report = memory.import_file(folder, scope=SCOPE)
    assert (report.skipped, report.refused) == ((), ())
    assert report.added >= 14
    assert memory.import_file(folder, scope=SCOPE).unchanged == report.added


def test_a_name_that_is_no_text_is_told(memory: Memory, folder: Path) -> None:
    write(folder, {"good.md": "Good."})
    (folder / "bad\udcff.md").write_text("Bad.")
    report = memory.import_file(folder, scope=SCOPE)
    assert report.skipped == ("bad\ufffd.md: its name is no UTF-8",)
