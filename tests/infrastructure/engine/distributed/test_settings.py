"""A settings file that does not fit is told of by the setting, before any server is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import InvalidInput, doctor
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.kernel.errors import PartitionsChanged, VaultError

KAFKA = '[kafka]\nbootstrap_servers = "127.0.0.1:9092"\n'
CASSANDRA = '[cassandra]\nhosts = ["127.0.0.1"]\n'


def refused(directory: Path, text: str) -> str:
    """What is said of a settings file, to whoever opens it and by the doctor."""
    path = directory / "memos.toml"
    path.write_text(f'engine = "distributed"\n{text}')
    with pytest.raises(InvalidInput) as error:
        load_settings(path)
    (finding,) = doctor(path)
    assert (finding.severity, finding.what) == ("error", str(error.value))
    return str(error.value)


def test_a_text_in_the_place_of_a_list_is_told_with_the_list(tmp_path: Path) -> None:
    told = refused(tmp_path, f'{KAFKA}[cassandra]\nhosts = "10.0.0.21"\n')
    assert '[cassandra] hosts must be a list, such as hosts = ["10.0.0.21"]' in told


@pytest.mark.parametrize("value", ["0", "-1", "true", '"1d"'])
@pytest.mark.parametrize("name", ["wait_seconds", "keep_former_hours"])
def test_a_time_that_is_none_is_told_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    told = refused(tmp_path, f"{name} = {value}\n{KAFKA}{CASSANDRA}")
    assert f"{name} must be a number above 0" in told


def test_an_embedder_that_there_is_not_is_told_before_a_worker_needs_it(tmp_path: Path) -> None:
    told = refused(tmp_path, f'{KAFKA}{CASSANDRA}[embedder]\nname = "minilmm"\n')
    assert "[embedder] name = 'minilmm' is no embedder: choose minilm, multilingual" in told


def test_an_endpoint_without_its_model_is_told_what_it_needs(tmp_path: Path) -> None:
    told = refused(tmp_path, f'{KAFKA}{CASSANDRA}[embedder]\nurl = "http://10.0.0.4/v1"\n')
    assert "needs model and dimensions too" in told


def test_a_vault_whose_making_was_cut_off_is_told_as_such(stores: Stores) -> None:
    table = f"{stores.settings.cassandra.keyspace}.setting"
    stores.cassandra.execute(f"DELETE FROM {table} WHERE name = ? IF EXISTS", ("partitions",))
    with pytest.raises(VaultError, match=r"cut off.*`memos vault create` again") as error:
        Stores(stores.settings)
    assert not isinstance(error.value, PartitionsChanged)


def test_the_list_of_erases_lies_beside_the_root_key_or_where_the_settings_say(
    tmp_path: Path,
) -> None:
    path = tmp_path / "memos.toml"
    settings = f'engine = "distributed"\nroot_key = "apart/root.key"\n{KAFKA}{CASSANDRA}'
    path.write_text(settings)
    assert load_settings(path).erased_list == tmp_path / "apart" / "erased.jsonl"
    path.write_text(f'erased_list = "lists/mine.jsonl"\n{settings}')
    assert load_settings(path).erased_list == tmp_path / "lists" / "mine.jsonl"
    assert "erased_list must be the name of a file" in refused(
        tmp_path, f"erased_list = 7\n{KAFKA}{CASSANDRA}"
    )
