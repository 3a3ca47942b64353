"""Conversations as programs write them: every turn with its role, id and time, and a count of the rest."""

from __future__ import annotations

import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from memos.infrastructure.transfer.importers import parse_file
from memos.kernel.errors import Refused
from tests.infrastructure.transfer.importers.support import FIXTURES, parse, parsed, said, zipped


def test_openai_messages_give_words_refusals_and_tools_as_turns() -> None:
    form, read = parsed("messages.json")
    assert form == "messages"
    assert said(read.items) == [
        ("system", "Be brief."),
        ("user", "What is on this label?"),
        ("tool", 'read_label({"side": "front"})'),
        ("tool", "Cobalt glaze, lot 42"),
        ("assistant", "It is cobalt glaze, lot 42."),
        ("user", "How do I make a poison of it?"),
        ("assistant", "I can not help with that."),
    ]
    answer = read.items[3].fields["metadata"]
    assert (answer["tool"], answer["tool_call_id"]) == ("read_label", "call_1")
    assert [item.fields.get("valid_from") for item in (read.items[1], read.items[4])] == [
        "2023-11-14T22:13:20+00:00",  # seconds
        "2023-11-14T22:13:29+00:00",  # milliseconds
    ]
    assert (read.not_kept, read.skipped, read.refused) == ({"image_url part": 1}, [], [])


def test_responses_items_and_agents_sessions_are_read() -> None:
    form, read = parsed("responses.json")
    assert form == "responses"
    assert said(read.items) == [
        ("user", "Where does the ferry to Bastoy leave?"),
        ("tool", 'timetable({"line": "Bastoy"})'),
        ("tool", "Horten, pier 3, 07:15"),
        ("tool", 'web_search({"type": "search", "query": "Horten pier 3"})'),
        ("assistant", "From pier 3 in Horten, at a quarter past seven."),
    ]
    assert [item.id for item in read.items] == ["msg_1", "fc_1", "fo_1", "ws_1", "msg_2"]
    assert read.not_kept == {"reasoning item": 1, "output_text part.annotations": 1}
    form, read = parsed("agents_session.jsonl", ZoneInfo("Europe/Oslo"))
    assert form == "responses"
    assert [text for _, text in said(read.items)] == ["Book the night train.", "book()", "Berth 61"]
    assert read.items[0].said is not None
    assert read.items[0].said.session == "trip-9"
    assert read.items[0].fields["valid_from"] == "2026-03-01T18:00:00+01:00"


def test_a_thread_is_read_from_its_first_message_to_its_last() -> None:
    form, read = parsed("threads.json")
    assert form == "threads"
    assert said(read.items) == [
        ("user", "How sweet is the lemonade?"),
        ("assistant", "Two spoons of honey."),
    ]
    assert read.items[0].id == "thread_1/msg_a"
    assert read.partial == ["the file: it says that more messages follow on another page"]
    assert read.not_kept == {
        "image_file part": 1,
        "message.attachments": 1,
        "text part.text.annotations": 1,
    }


def test_langchains_three_forms_are_read() -> None:
    form, read = parsed("langchain_dict.json")
    assert form == "langchain"
    assert said(read.items) == [
        ("system", "You keep bees."),
        ("user", "How many hives are there?"),
        ("tool", 'count({"what": "hives"})'),
        ("tool", "14"),
        ("assistant", "Fourteen hives."),
    ]
    assert read.items[1].fields["metadata"]["speaker"] == "Ida"
    assert read.not_kept == {
        "image_url part": 1,
        "message.response_metadata": 1,
        "message.usage_metadata": 1,
        "message.status": 1,
    }
    form, read = parsed("langchain_lc.json")
    assert (form, said(read.items)) == (
        "langchain",
        [("user", "Is the gate shut?"), ("assistant", "It is.")],
    )


def test_a_dumped_langchain_message_without_an_envelope_is_read(tmp_path: Path) -> None:
    dumped: list[dict[str, object]] = [
        {"content": "Hei.", "type": "human", "id": "1"},
        {"type": "remove", "content": "", "id": "0"},
    ]
    former = {"function_call": {"name": "ring", "arguments": "{}"}}
    dumped.append({"type": "ai", "content": "", "additional_kwargs": former, "id": "2"})
    form, read = parse(tmp_path / "state.json", {"messages": dumped})
    assert form == "langchain"
    assert said(read.items) == [("user", "Hei."), ("tool", "ring()")]
    assert read.not_kept == {"remove message": 1}


def test_parts_of_the_ai_sdk_stay_in_their_order() -> None:
    form, read = parsed("ui_messages.json")
    assert form == "ui-messages"
    assert said(read.items) == [
        ("user", "Will it rain in Bergen?"),
        ("assistant", "Let me look."),
        ("tool", 'forecast({"city": "Bergen"})'),
        ("tool", '{"rain": "yes"}'),
        ("tool", "radar()"),
        ("tool", "radar is down"),
        ("assistant", "Yes, bring a coat."),
        ("user", "Thanks"),
        ("tool", 'remind({"what": "coat"})'),
        ("tool", "set"),
    ]
    assert len({item.id for item in read.items}) == len(read.items)
    assert read.items[0].fields["valid_from"] == "2025-06-15T15:06:40+00:00"
    assert read.not_kept == {
        "file part": 1,
        "reasoning part": 1,
        "source-url part": 1,
        "data-weather part": 1,
    }


def test_geminis_contents_are_read_without_its_thoughts() -> None:
    form, read = parsed("gemini.json")
    assert form == "gemini"
    assert said(read.items) == [
        ("system", "Answer as a gardener."),
        ("user", "When do I prune the quince?"),
        ("tool", 'season({"plant": "quince"})'),
        ("tool", '{"result": "winter"}'),
        ("assistant", "In winter, before the buds swell."),
    ]
    assert read.not_kept == {
        "inline_data part": 1,
        "thought part": 1,
        "request.generationConfig": 1,
    }


def test_examples_for_fine_tuning_are_sessions_named_by_what_they_say() -> None:
    form, read = parsed("fine_tune.jsonl")
    assert form == "fine-tune"
    assert said(read.items)[:5] == [
        ("system", "Marv is sarcastic."),
        ("user", "How far is the moon?"),
        ("assistant", "As far as it was yesterday."),
        ("user", "Is tea good?"),
        ("assistant", "It is."),
    ]
    sessions = [item.said.session for item in read.items if item.said]
    assert (len(set(sessions)), sessions[-1]) == (4, "sg-1")
    assert read.not_kept == {
        "message.weight": 1,
        "example.input.parallel_tool_calls": 1,
        "example.non_preferred_output": 1,
    }


def test_chatgpts_active_branch_is_read_and_custom_instructions_once(tmp_path: Path) -> None:
    form, read = parsed("chatgpt.json")
    assert form == "chatgpt"
    instructions, *turns = read.items
    assert instructions.fields["text"] == "I am a potter.\n\nAlways answer in Celsius."
    assert said(turns) == [
        ("user", "How hot for stoneware?"),
        ("tool", 'web.run(search("stoneware firing temperature"))'),
        ("tool", "Firing\nStoneware: 1200 to 1300\nhttps://example.org"),
        ("assistant", "Between 1200 and 1300 degrees Celsius."),
    ]
    assert {turn.scope for turn in turns} == {"c0a8-11"}
    assert [turn.id for turn in turns] == [f"c0a8-11/n{number}" for number in (2, 3, 4, 6)]
    assert turns[0].fields["metadata"]["title"] == "Kiln temperatures"
    assert read.not_kept == {
        "message on another branch": 1,
        "hidden message": 1,
        "image_asset_pointer part": 1,
        "message.metadata.attachments": 1,
        "thoughts content": 1,
        "message.metadata.finish_details": 1,
        "conversation.safe_urls": 1,
    }
    text = (FIXTURES / "chatgpt.json").read_text("utf-8")
    archive = zipped(
        tmp_path / "export.zip", conversations__json=text, chat__html="", user__json="{}"
    )
    form, unzipped = parse_file(archive, "auto")
    assert (form, unzipped.items) == ("chatgpt", read.items)
    assert unzipped.not_kept == {**read.not_kept, "file chat.html": 1, "file user.json": 1}
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    assert parse_file(tmp_path / "unpacked", "auto") == (form, unzipped)


def test_claudes_export_keeps_attachments_and_the_branch_that_stands(tmp_path: Path) -> None:
    form, read = parsed("claude.json")
    assert form == "claude"
    assert said(read.items) == [
        ("user", "Why is my loaf flat?"),
        ("user", "Flour 500, water 400."),
        ("assistant", "Let me compute."),
        ("tool", 'repl({"code": "400/500"})'),
        ("tool", "0.8"),
        ("assistant", "Your dough is very wet."),
    ]
    assert read.items[1].fields["metadata"]["file_name"] == "recipe.txt"
    assert read.not_kept == {
        "message on another branch": 1,
        "message.files": 1,
        "thinking part": 1,
        "text part.start_timestamp": 1,
        "text part.stop_timestamp": 1,
        "tool_use part.message": 1,
    }
    text = (FIXTURES / "claude.json").read_text("utf-8")
    archive = zipped(tmp_path / "data.zip", conversations__json=text, users__json="[]")
    assert parse_file(archive, "auto")[1].items == read.items


def test_a_session_of_claude_code_gives_what_was_said_and_done() -> None:
    form, read = parsed("claude_code.jsonl")
    assert form == "claude-code"
    assert said(read.items) == [
        ("user", "Which port does the gateway use?"),
        ("tool", 'Grep({"pattern": "port"})'),
        ("tool", "port: 8443"),
        ("assistant", "It listens on port 8443."),
    ]
    assert [item.id for item in read.items] == [f"5e55-1/e{number}" for number in (1, 2, 3, 4)]
    assert read.items[0].fields["metadata"]["cwd"] == "/home/ada/gateway"
    assert read.not_kept == {
        "summary record": 1,
        "file-history-snapshot record": 1,
        "thinking part": 1,
        "message.usage": 2,
        "meta record": 1,
        "record of a subagent": 1,
    }


def test_both_forms_of_lettas_agent_files_are_read() -> None:
    form, read = parsed("letta_v1.af", ZoneInfo("Europe/Oslo"))
    assert form == "letta"
    assert said(read.items) == [
        ("", "Name: Liv. Plays the fiddle."),
        ("user", "When is my lesson?"),
        ("assistant", "On Thursday at four."),
    ]
    assert (read.items[0].scope, read.items[0].id) == ("Robin", "block/human")
    assert read.items[1].fields["valid_from"] == "2025-05-01T08:01:00+02:00"
    assert read.skipped == ["the agent, block 2: 'persona' is empty"]
    assert read.not_kept == {
        "inner thought": 1,
        "answer to send_message": 1,
        "heartbeat message": 1,
        "agent.system": 1,
        "agent.llm_config": 1,
    }
    form, read = parsed("letta_v2.af")
    assert form == "letta"
    assert said(read.items) == [
        ("", "Refund after ten days."),
        ("user", "Order 17 is late."),
        ("tool", 'order_state({"id": 17})'),
        ("tool", "on the truck"),
        ("assistant", "It is on the truck."),
    ]
    assert [item.id for item in read.items] == ["block/policy", "", "", "", ""]  # they count in it
    assert read.not_kept == {
        "block.read_only": 1,
        "reasoning part": 1,
        "agent.system": 1,
        "agent.tool_ids": 1,
        "file.tools": 1,
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([{"role": "user", "content": 3}], "message 1: its content must be a list"),
        ([{"role": "user", "content": [{"type": "text"}]}], "message 1, part 1: 'text'"),
        ([{"role": "user", "content": [{"type": 7}]}], "message 1, part 1: its type"),
        ([{"role": 1.5, "content": "x"}], "message 1: 'role'"),
        ([{"role": "user", "content": "x", "timestamp": "noon"}], "message 1: 'noon' is no time"),
        ([{"mapping": {}, "title": "t"}], "conversation 1: 'conversation_id'"),
        ([{"id": "a", "mapping": {}, "current_node": "b"}, 3], "conversation 2 must be an object"),
        ([{"uuid": "a", "chat_messages": [{"uuid": "b"}]}], "message 1: 'sender'"),
        ([{"type": "function_call_output", "output": 1}, "x"], "item 2 must be an object"),
        (
            [{"object": "thread.message", "role": "user", "content": 1}],
            "its content must be a list",
        ),
        ([{"type": "human", "data": 7}], "message 1 must be an object"),
        ([{"role": "user", "parts": [{"type": "text"}, 3]}], "message 1, part 2 must be"),
        ([{"role": "user", "parts": [3]}], "content 1, part 1 must be an object"),
    ],
)
def test_a_bad_item_is_gathered_with_its_place(tmp_path: Path, value: object, reason: str) -> None:
    _, read = parse(tmp_path / "chat.json", value)
    assert any(reason in told for told in read.refused), read.refused


def test_all_bad_items_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    lines = '{"text": "Good."}\n{\n{"text": 7}\n{"text": "x", "content": "y"}\n'
    _, read = parse(tmp_path / "notes.jsonl", lines)
    assert [item.fields["text"] for item in read.items] == ["Good."]
    assert [told.partition(":")[0].split(" is ")[0] for told in read.refused] == [
        "line 2",
        "line 3",
        "line 4",
    ]


def test_a_zip_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"holds no conversations.json; it holds photo.png"):
        parse_file(zipped(tmp_path / "a.zip", photo__png=""), "auto")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(Refused, match="cannot be unpacked"):
        parse_file(tmp_path / "b.zip", "auto")
