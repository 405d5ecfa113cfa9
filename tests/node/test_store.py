"""The database: opened by one, of one network, undamaged, or refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from node.store import META, Batch, Database, StoreDamaged, StoreError, StoreForeign, StoreInUse, next_prefix

HASH, OTHER_HASH = b"\x01" * 32, b"\x02" * 32


def filled(path: Path, records: int = 2_000) -> None:
    database = Database(path, HASH)
    batch = Batch()
    for number in range(records):
        batch.put(b"s" + number.to_bytes(4), number.to_bytes(4) * 50)
    database.write(batch)
    database.close()


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_what_was_written_is_read_after_opening_again(tmp_path: Path) -> None:
    filled(tmp_path)
    database = Database(tmp_path, HASH)
    assert (7).to_bytes(4) * 50 == database.get(b"s" + (7).to_bytes(4))
    assert database.get(b"s" + (5_000).to_bytes(4)) is None
    database.close()


def test_a_range_is_in_order_both_ways(tmp_path: Path) -> None:
    database = Database(tmp_path, HASH)
    batch = Batch()
    for key in (b"sb", b"sa", b"sc", b"t"):
        batch.put(key, key)
    database.write(batch)
    assert [key for key, _ in database.range(b"s", next_prefix(b"s"))] == [b"sa", b"sb", b"sc"]
    assert [key for key, _ in database.range(b"s", b"sc", reverse=True)] == [b"sb", b"sa"]
    assert list(database.keys(b"sb", next_prefix(b"s"))) == [b"sb", b"sc"]
    database.close()


def test_a_batch_applies_in_order(tmp_path: Path) -> None:
    database = Database(tmp_path, HASH)
    batch = Batch()
    batch.put(b"sa", b"1")
    batch.delete(b"sa")
    batch.delete(b"sb")
    batch.put(b"sb", b"2")
    database.write(batch)
    assert (database.get(b"sa"), database.get(b"sb")) == (None, b"2")
    database.close()


def test_a_database_of_another_genesis_is_refused_and_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(StoreForeign, match=f"genesis {HASH.hex()}, not to {OTHER_HASH.hex()}; correct"):
        Database(tmp_path, OTHER_HASH)
    Database(tmp_path, HASH).close()


def test_a_database_in_another_format_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path, HASH)
    batch = Batch()
    batch.put(META + b"format", b"ayni-node-0")
    database.write(batch)
    database.close()
    with pytest.raises(StoreForeign, match="was written in format b'ayni-node-0'"):
        Database(tmp_path, HASH)


def test_a_database_in_use_by_another_process_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from node.store import Database\n"
        f"held = Database(Path({str(tmp_path)!r}), {HASH!r})\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreInUse, match="another process has this database open; stop that node"):
            Database(tmp_path, HASH)
        holder.stdin.close()
    Database(tmp_path, HASH).close()


def test_a_lock_that_may_not_be_opened_is_no_other_process(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "LOCK").unlink()
    (tmp_path / "LOCK").mkdir()  # refused even to root, as another user's file is to this one
    with pytest.raises(StoreError, match="LOCK: Is a directory; check the disk, and that all files") as info:
        Database(tmp_path, HASH)
    assert not isinstance(info.value, StoreInUse | StoreDamaged)


def test_a_damaged_manifest_is_said_to_be_damage(tmp_path: Path) -> None:
    filled(tmp_path)
    manifest = next(tmp_path.glob("MANIFEST-*"))
    flip(manifest, 12)
    with pytest.raises(StoreDamaged, match=r"the database is damaged .*run `ayni node doctor`"):
        Database(tmp_path, HASH)


def test_a_table_cut_short_is_said_to_be_damage(tmp_path: Path) -> None:
    filled(tmp_path)
    Database(tmp_path, HASH).close()  # opening moves the log into a table
    table = next(tmp_path.glob("*.ldb"))
    table.write_bytes(table.read_bytes()[: table.stat().st_size // 2])
    with pytest.raises(StoreDamaged, match=r"the database is damaged \(IO error: .*run `ayni node doctor`"):
        Database(tmp_path, HASH)


def test_a_damaged_log_is_said_to_be_damage(tmp_path: Path) -> None:
    filled(tmp_path)
    log = max(tmp_path.glob("*.log"), key=lambda each: each.stat().st_size)
    flip(log, log.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="the database is damaged"):
        database = Database(tmp_path, HASH)
        database.scan([b"s"])


def test_a_damaged_table_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    filled(tmp_path)
    Database(tmp_path, HASH).close()  # What was in the log is now in a table.
    table = max([*tmp_path.glob("*.ldb"), *tmp_path.glob("*.sst")], key=lambda each: each.stat().st_size)
    flip(table, 1_000)
    with pytest.raises(StoreDamaged, match="then move it away: the node catches up from its peers"):
        Database(tmp_path, HASH).scan([b"s"])


def test_a_damaged_record_is_not_handed_out_when_it_is_asked_for_by_its_key(tmp_path: Path) -> None:
    """Without a look at the checksums it is, for reads by key, whatever LevelDB is told when it is opened."""
    filled(tmp_path)
    Database(tmp_path, HASH).close()
    whole = Database(tmp_path, HASH)
    rows = dict(whole.range(b"s", b"t"))
    whole.close()
    table = max([*tmp_path.glob("*.ldb"), *tmp_path.glob("*.sst")], key=lambda each: each.stat().st_size)
    flip(table, table.stat().st_size // 2)
    database = Database(tmp_path, HASH)
    found_out = 0
    for key, value in rows.items():
        try:
            assert database.get(key) == value
        except StoreDamaged:
            found_out += 1
    database.close()
    assert found_out > 0


def test_a_missing_file_is_said_to_be_damage(tmp_path: Path) -> None:
    filled(tmp_path)
    Database(tmp_path, HASH).close()
    for table in [*tmp_path.glob("*.ldb"), *tmp_path.glob("*.sst")]:
        table.unlink()
    with pytest.raises(StoreDamaged, match="the database is damaged"):
        database = Database(tmp_path, HASH)
        database.scan([b"s"])


def test_without_the_file_current_it_is_damaged_and_nothing_is_deleted(tmp_path: Path) -> None:
    filled(tmp_path)
    Database(tmp_path, HASH).close()  # what the log held is in a table now
    (tmp_path / "CURRENT").unlink()
    before = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(StoreDamaged, match=r"the database is damaged \(its file CURRENT is missing\)"):
        Database(tmp_path, HASH)
    assert sorted(each.name for each in tmp_path.iterdir()) == before


def test_a_database_whose_making_was_cut_short_is_made_again(tmp_path: Path) -> None:
    Database(tmp_path, HASH).close()
    for file in (*tmp_path.glob("*.log"), *tmp_path.glob("*.ldb"), tmp_path / "CURRENT"):
        file.unlink()
    assert sorted(tmp_path.glob("MANIFEST-*"))
    Database(tmp_path, HASH).close()


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made: .*; check node\.data_dir"):
        Database(tmp_path / "file" / "data", HASH)
