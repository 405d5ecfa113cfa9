"""The encrypted keystore, and `ayni keys`."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client.errors import KeyProblem, NotFound, UsageProblem
from client.keys import KdfCost, Keystore, password_source
from proofs.signing import SigningKey
from tests.client.conftest import CHEAP, PASSWORD, Ayni, three_lines
from tests.client.fakes import seeded


def keystore(path: Path, password: str = PASSWORD) -> Keystore:
    return Keystore(path, lambda new: password, CHEAP)


def test_a_key_comes_back_after_closing_and_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    made = keystore(path).new("emilia/cadiai")
    assert made.seed == keystore(path).signing_key("emilia/cadiai").seed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_shows_public_keys_and_no_seed(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    key = keystore(path).new("a")
    text = path.read_text()
    assert key.public_key.hex() in text
    assert key.seed.hex() not in text
    opened = Keystore(path, lambda new: pytest.fail("the password was asked for"), CHEAP)
    assert {"a": key.public_key} == opened.public_keys()
    assert opened.names_of(key.public_key) == ["a"]


def test_a_password_that_is_not_utf_8_is_one_like_others(tmp_path: Path) -> None:
    """As a shell hands it on that is set to Latin-1."""
    path = tmp_path / "keystore.json"
    made = keystore(path, "caff\udce9").new("a")
    assert made.seed == keystore(path, "caff\udce9").signing_key("a").seed
    with pytest.raises(KeyProblem, match="password is wrong"):
        keystore(path, "caff\udce8").signing_key("a")
    plain = keystore(tmp_path / "plain.json").new("a")
    with pytest.raises(KeyProblem, match="password is wrong"):
        keystore(tmp_path / "plain.json", "caff\udce9").signing_key("a")
    assert plain.seed == keystore(tmp_path / "plain.json").signing_key("a").seed


def test_a_wrong_password_does_not_open_it(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    keystore(path).new("a")
    with pytest.raises(KeyProblem) as error:
        keystore(path, "wrong").signing_key("a")
    assert error.value.what == f"The keystore {path} does not open."
    assert error.value.why == "The password is wrong, or the file was changed."


def test_a_changed_byte_of_the_box_and_a_foreign_public_key_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    keystore(path).new("a")
    document = json.loads(path.read_text())
    document["public_keys"]["a"] = seeded("somebody else").public_key.hex()
    path.write_text(json.dumps(document))
    with pytest.raises(KeyProblem, match="the public keys it lists are not those of its seeds"):
        keystore(path).signing_key("a")
    document["box"] = "A" + document["box"][1:] if document["box"][0] != "A" else "B" + document["box"][1:]
    path.write_text(json.dumps(document))
    with pytest.raises(KeyProblem, match="does not open"):
        keystore(path).signing_key("a")


@pytest.mark.parametrize("number", ["1e999", "-1", "0", "null", "[]", "NaN"])
@pytest.mark.parametrize("name", ["operations", "memory_bytes"])
def test_a_cost_that_is_none_is_said_in_words(tmp_path: Path, name: str, number: str) -> None:
    path = tmp_path / "keystore.json"
    keystore(path).new("a")
    cost = CHEAP.operations if name == "operations" else CHEAP.memory_bytes
    path.write_text(path.read_text().replace(f'"{name}": {cost}', f'"{name}": {number}'))
    with pytest.raises(KeyProblem, match=r"is damaged|does not open"):
        keystore(path).signing_key("a")


def test_a_key_is_never_overwritten_and_a_name_has_bounds(tmp_path: Path) -> None:
    store = keystore(tmp_path / "keystore.json")
    store.new("a")
    with pytest.raises(UsageProblem, match="There is a key 'a' already"):
        store.new("a")
    with pytest.raises(UsageProblem, match="'-a' cannot be a key's name"):
        store.new("-a")
    with pytest.raises(UsageProblem, match="1 to 80 letters"):
        store.new("a" * 81)
    with pytest.raises(NotFound, match="There is no key 'b'"):
        store.signing_key("b")


def test_a_new_password_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    key = keystore(path).new("a")
    answers = {False: PASSWORD, True: "another"}
    Keystore(path, lambda new: answers[new], CHEAP).change_password()
    assert key.seed == keystore(path, "another").signing_key("a").seed
    with pytest.raises(KeyProblem):
        keystore(path).signing_key("a")


def test_no_key_is_lost_when_two_programs_keep_keys_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    one, other = keystore(path), keystore(path)
    made = {"a": one.new("a").public_key, "b": other.new("b").public_key}
    made["c"] = one.new("c").public_key
    assert made == keystore(path).public_keys()
    with pytest.raises(UsageProblem, match="There is a key 'c' already"):
        other.new("c")
    answers = {False: "another", True: "another"}
    Keystore(path, lambda new: PASSWORD if not new else "another", CHEAP).change_password()
    with pytest.raises(KeyProblem, match="does not open"):
        one.new("d")
    late = Keystore(path, lambda new: answers[new], CHEAP)
    made["d"] = late.new("d").public_key
    assert made == keystore(path).public_keys()
    assert sorted(late.signing_key(name).public_key for name in made) == sorted(made.values())


def test_programs_that_keep_keys_at_once_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    names = [f"k{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as workers:
        made = list(workers.map(lambda name: keystore(path).new(name).public_key, names))
    assert dict(sorted(zip(names, made, strict=True))) == keystore(path).public_keys()


def test_a_new_password_is_as_hard_to_guess_as_a_new_keystore_s(tmp_path: Path) -> None:
    """A test network's keystore opens fast, for its password is known; nobody else's may stay so."""
    path = tmp_path / "keystore.json"
    keystore(path).new("a")
    harder = KdfCost(operations=2, memory_bytes=16_384)
    Keystore(path, lambda new: PASSWORD, harder).change_password()
    kdf = json.loads(path.read_text())["kdf"]
    assert (kdf["operations"], kdf["memory_bytes"]) == (2, 16_384)


def test_the_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    assert password_source({"AYNI_KEYSTORE_PASSWORD": "x"}, tmp_path)(False) == "x"
    assert password_source({"AYNI_KEYSTORE_PASSWORD_FILE": str(secret)}, tmp_path)(False) == "from a file"


@pytest.mark.parametrize("name", ["AYNI_KEYSTORE_PASSWORD", "AYNI_KEYSTORE_PASSWORD_FILE"])
def test_no_keystore_is_made_with_an_empty_password(
    ayni: Ayni, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever has its file would have its keys."""
    monkeypatch.delenv("AYNI_KEYSTORE_PASSWORD")
    (tmp_path / "secret").write_text("\n")
    monkeypatch.setenv(name, "" if name == "AYNI_KEYSTORE_PASSWORD" else str(tmp_path / "secret"))
    path = tmp_path / "new.json"
    result = ayni("keys", "new", "cadiai", "--keystore", str(path))
    assert (result.code, three_lines(result.err)) == (
        7,
        [
            f"ayni: The keystore {path} would have an empty password.",
            "  why:  AYNI_KEYSTORE_PASSWORD, or the file AYNI_KEYSTORE_PASSWORD_FILE, says nothing.",
            "  next: Put a password there, or unset it to be asked.",
        ],
    )
    assert not path.exists()


@pytest.mark.parametrize("name", ["AYNI_KEYSTORE_PASSWORD", "AYNI_KEYSTORE_PASSWORD_FILE"])
def test_a_password_is_not_called_changed_that_stays_the_same(
    ayni: Ayni, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("AYNI_KEYSTORE_PASSWORD")
    (tmp_path / "secret").write_text(PASSWORD)
    monkeypatch.setenv(name, PASSWORD if name == "AYNI_KEYSTORE_PASSWORD" else str(tmp_path / "secret"))
    before = (home / "keystore.json").read_bytes()
    result = ayni("keys", "passwd")
    assert (result.code, three_lines(result.err)) == (
        2,
        [
            "ayni: The password was not changed.",
            f"  why:  {name} gives the old one, and would give the same for the new one.",
            f"  next: Unset {name}, and type both when you are asked.",
        ],
    )
    assert before == (home / "keystore.json").read_bytes()


def test_a_wrong_password_at_the_command_line_exits_7_with_three_lines(
    ayni: Ayni, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AYNI_KEYSTORE_PASSWORD", "wrong")
    result = ayni("keys", "new", "b")
    assert result.code == 7
    assert "does not open" in three_lines(result.err)[0]
    assert len(result.err.splitlines()) == 3


def test_keys_are_made_listed_exported_and_imported(ayni: Ayni, tmp_path: Path) -> None:
    assert ayni("keys", "new", "second").code == 0
    listed = json.loads(ayni("keys", "list", "--json").out)
    assert (listed["ayni"], listed["kind"]) == (1, "keys")
    assert [one["name"] for one in listed["keys"]] == ["cadiai", "second"]
    exported = tmp_path / "second.key"
    assert ayni("keys", "export", "second", "-o", str(exported)).code == 0
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert ayni("keys", "import", str(exported)).code == 2  # the name is taken
    assert ayni("keys", "import", str(exported), "--name", "third").code == 0
    second, third = (
        json.loads(ayni("keys", "show", name, "--json").out)["keys"][0] for name in ("second", "third")
    )
    assert second["public_key"] == third["public_key"]
    assert ayni("keys", "show", "fourth").code == 8


def test_of_several_keys_all_are_made_or_none(ayni: Ayni) -> None:
    result = ayni("keys", "new", "one", "a name with blanks", "two")
    assert result.code == 2
    assert "'a name with blanks' cannot be a key's name." in three_lines(result.err)[0]
    assert ayni("keys", "show", "one").code == 8
    assert [line.split()[0] for line in ayni("keys", "new", "one", "two", "one").out.splitlines()[1:]] == [
        "one", "two",
    ]  # fmt: skip


def test_a_nodes_key_file_can_be_imported_and_garbage_cannot(ayni: Ayni, tmp_path: Path) -> None:
    raw = tmp_path / "decision.key"
    raw.write_text(seeded("emilia decision").seed.hex() + "\n")
    assert ayni("keys", "import", str(raw)).code == 2  # it has no name
    assert ayni("keys", "import", str(raw), "--name", "emilia").code == 0
    shown = json.loads(ayni("keys", "show", "emilia", "--json").out)
    assert SigningKey(seeded("emilia decision").seed).public_key.hex() == shown["keys"][0]["public_key"]
    raw.write_text("hello")
    result = ayni("keys", "import", str(raw), "--name", "x")
    assert result.code == 2
    assert three_lines(result.err)[:2] == [
        f"ayni: {raw} holds no key.",
        "  why:  It is neither an exported key nor 64 hex digits.",
    ]
    result = ayni("keys", "import", str(tmp_path / "absent.key"))
    assert (result.code, three_lines(result.err)[:2]) == (
        2,
        [f"ayni: {tmp_path / 'absent.key'} cannot be read.", "  why:  No such file or directory."],
    )
