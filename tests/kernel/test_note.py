"""Signed notes: what signs one, what opens one, and how one that cannot be trusted is told."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.note import Fault, NoteError, Signature, add_signature, open_note, write_note
from tests.kernel.signers import LOG, NAMESAKE, WITNESS, Key, sign_note

TEXT = "The owl was a baker's daughter.\n\nThere is more.\n"


def fault_of(note: str, *verifiers: Key) -> Fault:
    with pytest.raises(NoteError) as caught:
        open_note(note, verifiers)
    assert str(caught.value).startswith(caught.value.fault + ": ")
    return caught.value.fault


def test_a_note_is_text_a_blank_line_and_an_em_dash_line_for_each_key() -> None:
    line = b64encode(LOG.key_id + LOG.private.sign(TEXT.encode())).decode()
    assert sign_note(TEXT, [LOG]) == f"{TEXT}\n\u2014 example.com/log {line}\n"


def test_a_signed_note_opens_to_its_text_and_signatures() -> None:
    opened = open_note(sign_note(TEXT, [LOG]), [LOG])
    assert opened.text == TEXT
    assert opened.signatures == (Signature(LOG.name, LOG.key_id, LOG.private.sign(TEXT.encode())),)


NOTE_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"))


@given(NOTE_TEXT)
def test_any_text_in_any_script_comes_back_as_it_was(text: str) -> None:
    note = sign_note(text + "\n", [LOG, WITNESS])
    assert open_note(note, [WITNESS, LOG]).text == text + "\n"


@given(NOTE_TEXT, st.data())
def test_a_note_with_one_character_changed_never_opens(text: str, data: st.DataObject) -> None:
    note = sign_note(text + "\n", [LOG])
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda c: c != note[at]))
    with pytest.raises(NoteError):
        open_note(note[:at] + other + note[at + 1 :], [LOG])


@given(st.text())
def test_no_text_makes_opening_raise_anything_but_a_note_error(text: str) -> None:
    for note in (text, text + "\n", f"{text}\n\n\u2014 {text}\n", f"x\n\n\u2014 name {text}\n"):
        with pytest.raises(NoteError):
            open_note(note, [LOG])


def test_a_note_by_two_keys_opens_with_either_and_with_both() -> None:
    note = sign_note(TEXT, [LOG, WITNESS])
    for verifiers in ([LOG], [WITNESS], [LOG, WITNESS]):
        names = {signature.name for signature in open_note(note, verifiers).signatures}
        assert names == {verifier.name for verifier in verifiers}


def test_a_changed_text_is_a_bad_signature() -> None:
    note = sign_note(TEXT, [LOG])
    assert fault_of(note.replace("owl", "cat"), LOG) == "bad signature"


def test_a_changed_signature_is_a_bad_signature() -> None:
    forged = LOG.key_id + bytes(64)
    assert fault_of(f"{TEXT}\n\u2014 {LOG.name} {b64encode(forged).decode()}\n", LOG) == (
        "bad signature"
    )
    truncated = LOG.key_id + LOG.sign(TEXT.encode())[:63]
    assert fault_of(f"{TEXT}\n\u2014 {LOG.name} {b64encode(truncated).decode()}\n", LOG) == (
        "bad signature"
    )


def test_one_bad_signature_by_a_known_key_refuses_the_note_that_another_signed() -> None:
    bad = sign_note("Another text.\n", [LOG]).split("\n\n")[1]
    note = sign_note(TEXT, [WITNESS]) + bad
    assert fault_of(note, WITNESS, LOG) == "bad signature"
    assert open_note(note, [WITNESS]).text == TEXT  # to whom the other key is unknown


def test_a_note_by_other_keys_only_is_of_an_unknown_key() -> None:
    note = sign_note(TEXT, [LOG])
    assert fault_of(note, WITNESS) == "unknown key"
    assert fault_of(note, NAMESAKE) == "unknown key"
    assert fault_of(note) == "unknown key"


def test_a_key_that_signs_twice_counts_once() -> None:
    note = sign_note(TEXT, [LOG])
    twice = note + note.removeprefix(TEXT + "\n")
    assert len(open_note(twice, [LOG]).signatures) == 1


def test_a_text_without_signature_lines_is_unsigned() -> None:
    for note in ("one line\n", "\n", "a\n\n", "a\nb\n"):
        assert fault_of(note, LOG) == "unsigned"


SIGNATURE = b64encode(LOG.key_id + LOG.sign(TEXT.encode())).decode()
LINE = f"\u2014 {LOG.name} {SIGNATURE}\n"
MALFORMED_NOTES = {
    "empty": "",
    "no last newline": f"{TEXT}\n{LINE}".removesuffix("\n"),
    "carriage returns": f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
    "a hyphen for the dash": f"{TEXT}\n- {LOG.name} {SIGNATURE}\n",
    "no space after the dash": f"{TEXT}\n\u2014{LOG.name} {SIGNATURE}\n",
    "two spaces after the name": f"{TEXT}\n\u2014 {LOG.name}  {SIGNATURE}\n",
    "a space after the signature": f"{TEXT}\n\u2014 {LOG.name} {SIGNATURE} \n",
    "a base64 character missing": f"{TEXT}\n\u2014 {LOG.name} {SIGNATURE.rstrip('=')[:-1]}\n",
    "a name only": f"{TEXT}\n\u2014 {LOG.name}\n",
    "an empty signature": f"{TEXT}\n\u2014 {LOG.name} \n",
    "a key id only": f"{TEXT}\n\u2014 {LOG.name} {b64encode(LOG.key_id).decode()}\n",
    "no name": f"{TEXT}\n\u2014  {SIGNATURE}\n",
    "a plus in the name": f"{TEXT}\n\u2014 a+b {SIGNATURE}\n",
    "a no-break space in the name": f"{TEXT}\n\u2014 a\u00a0b {SIGNATURE}\n",
    "text after the signatures": f"{TEXT}\n{LINE}and more\n",
    "a tab in the text": f"a\tb\n\n{LINE}",
    "a lone surrogate": f"a\ud800b\n\n{LINE}",
    "101 signatures": f"{TEXT}\n{LINE * 101}",
}


@pytest.mark.parametrize("note", MALFORMED_NOTES.values(), ids=MALFORMED_NOTES.keys())
def test_a_malformed_note_is_refused_as_malformed(note: str) -> None:
    assert fault_of(note, LOG) == "malformed"


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("text", "malformed: the last line does not end in a newline"),
        ("text\n", "unsigned: no signature lines after a blank line"),
        (f"{TEXT}\n{LINE * 101}", "malformed: over 100 signatures"),
        (f"{TEXT}\n{'x' * 100}\n", f"malformed: '{'x' * 80}' is not a signature line"),
        (f"{TEXT}\n\u2014 a b {SIGNATURE}\n", "malformed: the signature is not base64"),
        (f"{TEXT}\n\u2014 log AQIDBB==\n", "malformed: the signature is not canonical base64"),
        (f"{TEXT}\n\u2014 log AQIDBA==\n", "malformed: the signature by 'log' is too short"),
        (f"a\tb\n\n{LINE}", "malformed: control character U+0009"),
        (f"a\ud800b\n\n{LINE}", "malformed: a lone surrogate, which UTF-8 cannot hold"),
        (f"Another text.\n\n{LINE}", f"bad signature: by '{LOG.name}' over this text"),
        (
            sign_note(TEXT, [WITNESS, Key("other", bytes(32))]),
            "unknown key: signed by 'other', 'witness.example' with no key that is trusted here",
        ),
    ],
    ids=lambda case: case[:40] if ": " in case else "",
)
def test_a_note_that_cannot_be_trusted_is_told_in_which_way_and_by_what(
    note: str, told: str
) -> None:
    with pytest.raises(NoteError) as refused:
        open_note(note, [LOG])
    assert str(refused.value) == told


def test_a_note_has_up_to_100_signatures() -> None:
    signers = [Key(f"signer-{number}", bytes([number] * 32)) for number in range(100)]
    note = sign_note(TEXT, signers)
    assert len(open_note(note, signers).signatures) == 100
    with pytest.raises(ValueError, match=r"^a note has 1 to 100 signatures, not 101$"):
        sign_note(TEXT, [*signers, LOG])


def test_base64_with_stray_bits_is_malformed_though_it_decodes_to_the_signature() -> None:
    body = SIGNATURE.rstrip("=")
    padding = SIGNATURE.removeprefix(body)
    assert padding
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = body[:-1] + alphabet[alphabet.index(body[-1]) + 1]
    note = f"{TEXT}\n\u2014 {LOG.name} {stray}{padding}\n"
    assert fault_of(note, LOG) == "malformed"


def test_two_verifiers_that_cannot_be_told_apart_are_refused() -> None:
    again = Key(LOG.name, LOG.seed)
    with pytest.raises(ValueError, match="same key id"):
        open_note(sign_note(TEXT, [LOG]), [LOG, again])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "nul\x00\n", "\ud800\n"])
def test_a_text_that_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        sign_note(text, [LOG])


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        ([], "not 0"),
        ([LOG, LOG], r"^one key may sign a note once$"),
        ([Key("a b", bytes(32))], "no key name"),
    ],
    ids=["nobody", "one key twice", "a name with a space"],
)
def test_signers_that_make_no_valid_note_are_refused(signers: list[Key], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sign_note(TEXT, signers)


def test_a_signature_with_another_length_of_key_id_is_not_written() -> None:
    told = "malformed: a key id is 4 bytes, not 3"
    with pytest.raises(NoteError, match=f"^{told}$") as refused:
        write_note("text\n", [Signature("log", b"123", b"signature")])
    assert refused.value.fault == "malformed"


def by(key: Key) -> Callable[[str], Signature]:
    return lambda text: Signature(key.name, key.key_id, key.sign(text.encode()))


def test_a_signature_is_added_behind_those_that_a_note_has() -> None:
    assert add_signature(sign_note(TEXT, [LOG]), by(WITNESS)) == sign_note(TEXT, [LOG, WITNESS])


def test_a_key_that_has_signed_a_note_adds_nothing_and_a_namesake_does() -> None:
    note = sign_note(TEXT, [LOG, WITNESS])
    assert add_signature(note, by(LOG)) == add_signature(note, by(WITNESS)) == note
    assert add_signature(note, by(NAMESAKE)) == sign_note(TEXT, [LOG, WITNESS, NAMESAKE])


def test_nothing_is_added_to_what_is_no_note_or_has_all_signatures_that_it_may() -> None:
    with pytest.raises(NoteError) as refused:
        add_signature("text\n", by(LOG))
    assert refused.value.fault == "unsigned"
    full = sign_note(TEXT, [Key(f"signer-{number}", bytes([number] * 32)) for number in range(100)])
    with pytest.raises(ValueError, match=r"^a note has 1 to 100 signatures, not 101$"):
        add_signature(full, by(LOG))
