"""Founding a network: each founder's file, one genesis of all, and everybody's signature."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ayni.v1 import genesis_pb2
from client.cli.founding_files import FilesInvalid, federation_text, founding_of
from client.keys import Keystore
from client.testnet import create, federation_names
from client.testnet.founding import Founding
from config.keyfiles import write_key_file
from ledger.genesis import read_genesis
from tests.client.conftest import CHEAP, PASSWORD, Ayni, three_lines
from tests.client.fakes import seeded

TERMS = """
network = "valley"
founded = 2026-11-01T12:00:00Z

[[units]]
code = "HRS"
nature = "hours"

[[units]]
code = "EUC"
nature = "mutual credit"

[[parameters]]
name = "deposit"
unit = "EUC"
value = "20"

[[parameters]]
name = "period-min"
value = "7d"

[[quotas]]
federation = "lazio"
unit = "HRS"
amount = "1:30"
"""


class Founders:
    """The directory in which two federations prepare a network."""

    def __init__(self, ayni: Ayni, directory: Path) -> None:
        self._ayni, self.directory = ayni, directory
        (directory / "terms.toml").write_text(TERMS)
        for name in ("emilia", "lazio"):
            for use in ("consensus", "service"):
                (directory / name).mkdir(exist_ok=True)
                write_key_file(directory / name / f"{use}.key", seeded(f"{name} {use}").seed)
            keys = {f"{name}-{number}": seeded(f"{name} {number}").seed for number in (1, 2)}
            Keystore(self.keystore(name), lambda new: PASSWORD, CHEAP).put(keys)

    def keystore(self, name: str) -> Path:
        return self.directory / f"{name}.keys"

    def founder(self, name: str, *more: str, keys: int = 2) -> None:
        named = [part for number in range(1, keys + 1) for part in ("--decision-key", f"{name}-{number}")]
        where = ("--keystore", self.keystore(name), "--node-dir", self.directory / name)
        done = self._ayni("genesis", "founder", name, *named, *where, "-o", self.file(f"{name}.toml"), *more)
        assert done.code == 0, done.err

    def file(self, name: str) -> Path:
        return self.directory / name

    @property
    def genesis(self) -> Path:
        return self.file("genesis.bin")


@pytest.fixture
def founders(ayni: Ayni, tmp_path: Path) -> Founders:
    """Both have written down their keys; emilia two, of which one is enough, lazio one."""
    founders = Founders(ayni, tmp_path)
    founders.founder("emilia", "--threshold", "1")
    founders.founder("lazio", keys=1)
    return founders


def make(ayni: Ayni, founders: Founders, *sources: str) -> None:
    files = [founders.file(name) for name in sources or ("terms.toml", "emilia.toml", "lazio.toml")]
    done = ayni("genesis", "make", *files, "-o", founders.genesis)
    assert done.code == 0, done.err


def test_a_genesis_that_all_founders_signed_is_one_a_network_can_start_from(
    ayni: Ayni, founders: Founders
) -> None:
    make(ayni, founders)
    first = ayni("genesis", "sign", founders.genesis, "--keystore", founders.keystore("lazio"))
    assert first.out.splitlines()[-1] == "must sign still: emilia (1)"
    second = ayni("genesis", "sign", founders.genesis, "--keystore", founders.keystore("emilia"))
    assert second.out.splitlines()[-1] == "signed by all: a network can start from it"
    founding = read_genesis(founders.genesis.read_bytes())
    assert [one.name for one in founding.membership.members] == ["emilia", "lazio"]
    assert [(one.code, one.scale) for one in founding.genesis.units] == [("EUC", 100), ("HRS", 60)]
    assert [(one.unit, one.value) for one in founding.genesis.parameters] == [
        ("", 604_800_000),
        ("EUC", 2_000),
    ]
    assert [(one.federation, one.amount_minor) for one in founding.genesis.quotas] == [("lazio", 90)]
    assert founding.genesis.time_ms == 1_793_534_400_000


def test_a_configuration_with_a_genesis_that_a_founder_has_not_signed_is_not_called_right(
    ayni: Ayni, tmp_path: Path
) -> None:
    net = create(tmp_path / "net", Founding(federations=federation_names(2), state_tree_bits=8))
    node = str(net.nodes[0].config.source)
    assert ayni("config", "check", "--running", node).code == 0
    path = net.nodes[0].config.node.genesis
    signed = genesis_pb2.SignedGenesis.FromString(path.read_bytes())
    del signed.signatures[-1]
    path.write_bytes(signed.SerializeToString(deterministic=True))
    result = ayni("config", "check", "--running", node)
    assert result.code == 2
    [error, verdict] = result.out.splitlines()
    assert error.startswith(f"error: node.genesis: {path}: genesis: ")
    assert error.endswith("signed with 0 of the 1 decision keys it needs; get the file from a founder")
    assert verdict == "the node would not start"
    path.write_bytes(b"hello")
    assert len(ayni("config", "check", "--running", node).out.splitlines()) == 2


def test_what_is_signed_is_shown_whole(ayni: Ayni, founders: Founders) -> None:
    make(ayni, founders)
    shown = ayni("genesis", "show", founders.genesis).out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "network valley, founded 2026-11-01 12:00:00 UTC"
    assert f"lazio 0 of 1 decisions {seeded('lazio 1').public_key.hex()}" in lines
    assert f"votes {seeded('lazio consensus').public_key.hex()}" in lines
    assert f"closing periods {seeded('lazio service').public_key.hex()}" in lines
    assert {
        "EUC mutual credit 100",
        "period-min network 7 days",
        "deposit EUC 20 %",
        "lazio 1:30 HRS",
    } <= set(lines)
    assert lines[-1] == "must sign still: emilia (1), lazio (1)"
    document = json.loads(ayni("genesis", "show", founders.genesis, "--json").out)
    assert (document["genesis_hash"], document["missing"]) == (lines[1].split()[1], {"emilia": 1, "lazio": 1})
    assert document["quotas"] == [{"federation": "lazio", "unit": "HRS", "amount": "1.5"}]


def test_a_founder_s_file_holds_public_keys_only(ayni: Ayni, founders: Founders) -> None:
    keys = ("--decision-key", "lazio-2", "--keystore", founders.keystore("lazio"), "--json")
    node = ("--node-dir", founders.file("lazio"), "-o", founders.file("again.toml"))
    said = json.loads(ayni("genesis", "founder", "lazio", *keys, *node).out)
    text = founders.file("again.toml").read_text()
    public = [*said["decision_keys"], said["consensus_key"], said["service_key"]]
    assert public == [seeded(f"lazio {use}").public_key.hex() for use in (2, "consensus", "service")]
    assert all(key in text for key in public)
    assert all(seeded(f"lazio {use}").seed.hex() not in text for use in (2, "consensus", "service"))


def test_the_same_files_in_any_order_make_the_same_genesis(ayni: Ayni, founders: Founders) -> None:
    make(ayni, founders)
    made = founders.genesis.read_bytes()
    founders.genesis.unlink()
    make(ayni, founders, "lazio.toml", "terms.toml", "emilia.toml")
    assert founders.genesis.read_bytes() == made


def test_a_genesis_is_not_signed_when_its_hash_is_not_the_one_agreed_on(
    ayni: Ayni, founders: Founders
) -> None:
    make(ayni, founders)
    before = founders.genesis.read_bytes()
    where = ("--keystore", founders.keystore("emilia"))
    done = ayni("genesis", "sign", founders.genesis, "--hash", "ab" * 32, *where)
    assert (done.code, founders.genesis.read_bytes()) == (4, before)
    assert three_lines(done.err)[0].endswith("is not the genesis you were told; it was not signed.")


def test_only_a_founder_signs(ayni: Ayni, founders: Founders) -> None:
    make(ayni, founders)
    done = ayni("genesis", "sign", founders.genesis)
    assert done.code == 2
    assert three_lines(done.err)[0] == f"ayni: No key here may sign {founders.genesis}."


def test_a_signature_is_given_once(ayni: Ayni, founders: Founders) -> None:
    make(ayni, founders)
    where = ("--keystore", founders.keystore("lazio"))
    ayni("genesis", "sign", founders.genesis, *where)
    once = founders.genesis.read_bytes()
    assert ayni("genesis", "sign", founders.genesis, *where).code == 0
    assert founders.genesis.read_bytes() == once


def test_a_changed_genesis_is_none(ayni: Ayni, founders: Founders) -> None:
    make(ayni, founders)
    ayni("genesis", "sign", founders.genesis, "--keystore", founders.keystore("lazio"))
    founders.genesis.write_bytes(founders.genesis.read_bytes().replace(b"valley", b"vallei"))
    done = ayni("genesis", "show", founders.genesis)
    assert done.code == 2
    assert three_lines(done.err)[1].startswith("  why:  founder's signature: ")


@pytest.mark.parametrize("what", ["genesis", "founder"])
def test_a_file_that_is_there_is_not_written_over(ayni: Ayni, founders: Founders, what: str) -> None:
    make(ayni, founders)
    written = founders.genesis if what == "genesis" else founders.file("lazio.toml")
    if what == "genesis":
        done = ayni("genesis", "make", founders.file("terms.toml"), "-o", written)
    else:
        keys = ("--decision-key", "lazio-1", "--keystore", founders.keystore("lazio"))
        done = ayni("genesis", "founder", "lazio", *keys, "--node-dir", founders.file("lazio"), "-o", written)
    assert done.code == 2
    assert three_lines(done.err)[0] == f"ayni: {written} exists already."


FAULTS = {
    "network =": "it is no TOML: ",
    "": "network is missing",
    'network = "Valley"\nfounded = 2026-11-01T12:00:00Z': "network: 'Valley' is no",
    'network = "valley"': "founded is missing",
    'network = "valley"\nfounded = 2026-11-01T12:00:00': "founded has no time zone",
    "network = 7": "network must be a text in quotation marks",
    'network = "valley"' + TERMS: "it is no TOML: Cannot overwrite a value",
    TERMS + "colour = 1": "quotas[0].colour is not known",
    'colour = "red"' + TERMS: "colour is not known",
    "state_tree_bits = -1" + TERMS: "state_tree_bits must be a whole number from 0, not -1",
    f"state_tree_bits = {'1' * 5_000}" + TERMS: "a number in it has thousands of digits",
    f"state_tree_bits = 0x{'f' * 5_000}" + TERMS: "state_tree_bits is 1 to 20, not 4294967295",
    "state_tree_bits = 99" + TERMS: "state_tree_bits is 1 to 20, not 99",
    TERMS.replace('"hours"', '"gold"'): "units[0].nature must be one of mutual credit, hours, not gold",
    TERMS.replace("deposit", "tax"): "parameters[0].name must be one of period-min, advance,",
    TERMS.replace('"20"', '"many"'): "parameters[0].value: 'many' is not a percentage.",
    TERMS.replace('"20"', '"900"'): "parameters[1].value: the value is 90000; it must be from",
    TERMS.replace('unit = "EUC"\nvalue', 'unit = "USD"\nvalue'): "parameters[0].unit: there is no unit USD",
    TERMS.replace('"lazio"', '"roma"'): "quotas[0].federation: 'roma' is not a founder",
    TERMS.replace('"HRS"\namount', '"USD"\namount'): "quotas[0].unit: there is no unit USD",
    TERMS.replace('"1:30"', '"0:00:1"'): "quotas[0].amount: '0:00:1' is not an amount",
    TERMS
    + '[[federations]]\nname = "roma"\ndecision_keys = ["x"]': "federations[0].decision_keys[0] must be a",
    TERMS
    + '[[federations]]\nname = "roma"\ndecision_keys = ["aa", "bb"]': "federations[0].threshold is missing",
    "units = 3\n" + TERMS.partition("[[units]]")[0]: "units must be written as [[units]]",
}


@pytest.mark.parametrize("text", FAULTS, ids=list(FAULTS.values()))
def test_what_is_wrong_with_a_founders_file_is_said(ayni: Ayni, founders: Founders, text: str) -> None:
    founders.file("terms.toml").write_text(text)
    files = [founders.file(name) for name in ("terms.toml", "emilia.toml", "lazio.toml")]
    done = ayni("genesis", "make", *files, "-o", founders.genesis)
    assert (done.code, founders.genesis.exists()) == (2, False)
    lines = three_lines(done.err)
    assert lines[0].endswith("make no genesis.")
    assert FAULTS[text] in lines[1]


def test_a_network_that_could_never_decide_is_not_founded() -> None:
    """M2: a transaction has 128 signatures at most, and a quorum of 13 federations is 9."""

    def founders(threshold: int) -> list[str]:
        return [
            federation_text(
                f"f-{number}",
                [seeded(f"{number} decision {each}").public_key for each in range(16)],
                threshold,
                seeded(f"{number} consensus").public_key,
                seeded(f"{number} service").public_key,
            )
            for number in range(13)
        ]

    terms = TERMS.partition("[[quotas]]")[0]
    assert founding_of([terms, *founders(14)]).missing == {f"f-{number}": 14 for number in range(13)}
    with pytest.raises(FilesInvalid, match="would need 135 signatures at least, of 9 federations"):
        founding_of([terms, *founders(15)])


def test_what_two_files_say_differently_is_not_guessed(ayni: Ayni, founders: Founders) -> None:
    founders.file("more.toml").write_text('network = "hill"')
    done = ayni(
        "genesis", "make", founders.file("terms.toml"), founders.file("more.toml"), "-o", founders.genesis
    )
    assert three_lines(done.err)[1] == "  why:  network is said twice."


def test_who_has_no_such_key_or_node_is_told(ayni: Ayni, founders: Founders) -> None:
    out = ("-o", founders.file("new.toml"))
    here = ("--keystore", founders.keystore("lazio"))
    no_key = ayni("genesis", "founder", "lazio", "--decision-key", "x", "--node-dir", "lazio", *here, *out)
    assert (no_key.code, three_lines(no_key.err)[0]) == (
        8,
        f"ayni: There is no key 'x' in {founders.keystore('lazio')}.",
    )
    nowhere = ("--node-dir", founders.file("nowhere"))
    no_node = ayni("genesis", "founder", "lazio", "--decision-key", "lazio-1", *nowhere, *here, *out)
    assert no_node.code == 2
    assert three_lines(no_node.err)[2] == "  next: Make the node's keys with `ayni node init`."
    many = ayni(
        *("genesis", "founder", "lazio", "--decision-key", "lazio-1", "--decision-key", "lazio-2"),
        *("--threshold", "3", "--node-dir", founders.directory / "lazio", *here, *out),
    )
    assert (many.code, three_lines(many.err)[0]) == (2, "ayni: 3 of 2 keys is no key set.")
    assert not Path(founders.file("new.toml")).exists()
    reserved = ayni("genesis", "founder", "pool", "--decision-key", "x", *nowhere, *here, *out)
    assert three_lines(reserved.err)[0] == "ayni: 'pool' cannot be a federation's name."


def test_what_is_no_genesis_or_no_text_is_said(ayni: Ayni, founders: Founders) -> None:
    absent = ayni("genesis", "show", founders.file("absent.bin"))
    assert three_lines(absent.err)[1] == "  why:  No such file or directory."
    other = ayni("genesis", "show", founders.file("terms.toml"))
    assert three_lines(other.err)[0] == f"ayni: {founders.file('terms.toml')} is no genesis."
    founders.file("bytes.toml").write_bytes(b"\xff\xfe")
    done = ayni("genesis", "make", founders.file("bytes.toml"), "-o", founders.genesis)
    assert three_lines(done.err)[2] == "  next: Save it as text in UTF-8."
