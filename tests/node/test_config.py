"""Configuration: what wins, what each error says, and what `check` finds."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

import config
from config import ConfigError, LogSection, NodeConfig, NodeSection, TlsSection, check, load
from config.certificates import make_certificate
from tests.node.founders import write_network

MINIMAL = """
[node]
data_dir = "data"
genesis = "genesis.bin"
consensus_key = "consensus.key"
[tls]
certificate = "node.crt"
key = "node.tls.key"
"""


def write(directory: Path, text: str) -> Path:
    file = directory / "node.toml"
    file.write_text(text)
    return file


def error_of(directory: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        load(write(directory, text), environ or {})
    return str(raised.value)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, MINIMAL))
    assert tmp_path / "data" == loaded.node.data_dir
    assert tmp_path / "node.crt" == loaded.tls.certificate


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, MINIMAL))
    assert loaded.listen.client == "127.0.0.1:7410"
    assert loaded.node.close_periods is True
    assert loaded.log == LogSection("info", "console")


def test_the_environment_overrides_the_file_and_flags_override_both(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL + '[listen]\nclient = "127.0.0.1:1"\npeer = "127.0.0.1:1"\n')
    environ = {"AYNI_LISTEN_CLIENT": "127.0.0.1:2", "AYNI_LISTEN_PEER": "127.0.0.1:2", "AYNI_HOME": "x"}
    loaded = load(file, environ, {"listen.client": "127.0.0.1:3"})
    assert (loaded.listen.client, loaded.listen.peer) == ("127.0.0.1:3", "127.0.0.1:2")


def test_a_misspelt_variable_is_a_warning_that_says_what_it_may_have_meant(tmp_path: Path) -> None:
    environ = {
        "AYNI_LISTEN_CLINT": "127.0.0.1:2",
        "AYNI_LISEN_PEER": "127.0.0.1:2",
        "AYNI_NODE_SERVICE_HOST": "10.0.0.1",
    }
    problems = [each for each in check(load(write(tmp_path, MINIMAL), environ)) if not each.fatal]
    assert [str(each) for each in problems] == [
        "environment variable AYNI_LISEN_PEER: it sets nothing, for there is no such key; "
        "did you mean AYNI_LISTEN_PEER?",
        "environment variable AYNI_LISTEN_CLINT: it sets nothing, for there is no such key; "
        "did you mean AYNI_LISTEN_CLIENT?",
        "environment variable AYNI_NODE_SERVICE_HOST: it sets nothing, for there is no such key; "
        "correct it (`ayni config reference`), or unset it",
    ]


def test_the_variables_of_other_programs_are_no_business_of_the_node(tmp_path: Path) -> None:
    names = ("HOME", "NETWORK", "NODE", "KEYSTORE", "KEYSTORE_PASSWORD", "KEYSTORE_PASSWORD_FILE", "DEBUG")
    environ = {f"AYNI_{name}": "x" for name in (*names, "VENV", "PYTHON", "TLS_KEY")}
    assert load(write(tmp_path, MINIMAL), environ).unknown_variables == {}


def test_numbers_and_truth_values_are_read_from_the_environment(tmp_path: Path) -> None:
    environ = {"AYNI_NODE_CLOSE_PERIODS": "false", "AYNI_CONSENSUS_TIMEOUT_MS": "250"}
    loaded = load(write(tmp_path, MINIMAL), environ)
    assert (loaded.node.close_periods, loaded.consensus.timeout_ms) == (False, 250)


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        ("[listn]\n", ["[listn]", 'did you mean "listen"?']),
        ('[listen]\nclien = "a:1"\n', ["listen.clien", 'did you mean "client"?']),
        ('[listen]\nclient = "7410"\n', ["listen.client", '"7410" is not host:port']),
        ('[listen]\nclient = "::1:7410"\n', ["listen.client", '"::1:7410" is not host:port', '"[::1]:7410"']),
        ('[listen]\nclient = "[::1:7410"\n', ["listen.client", '"[::1:7410" is not host:port']),
        ('[listen]\nclient = "a b:7410"\n', ["listen.client", '"a b:7410" is not host:port']),
        ('[[peers]]\naddress = "https://a:1"\n', ["peers[0].address", '"https://a:1" is not host:port']),
        ("[listen]\nclient = 7410\n", ["listen.client", "is not text", "double quotes"]),
        ('[consensus]\ntimeout_ms = "1s"\n', ["consensus.timeout_ms", "is not a whole number"]),
        ("[consensus]\ntimeout_ms = 1\n", ["consensus.timeout_ms", "1 is out of bounds; give 20 to 60000"]),
        ("[consensus]\ntimeout_ms = true\n", ["consensus.timeout_ms", "is not a whole number"]),
        ('[log]\nformat = "xml"\n', ["log.format", '"xml" is not one of "console", "json"']),
        ("peers = 3\n", ["tls.peers", "there is no such key"]),
        ("[[peers]]\n", ["peers[0].federation", "missing"]),
        ('[[peers]]\nfederatio = "x"\n', ["peers[0].federatio", 'did you mean "federation"?']),
        ("[node]\n", ["not valid TOML"]),
        ("[log\n", ["not valid TOML", "line"]),
        (f"[mempool]\nbytes_max = -{'1' * 4_000}\n", ["mempool.bytes_max", "… (4001 characters) is out of"]),
        (f"[mempool]\nbytes_max = 0x{'f' * 5_000}\n", ["a number of thousands of digits is out of bounds"]),
        (f"[log]\nlevel = 0x{'f' * 5_000}\n", ["log.level", "a number of thousands of digits is not text"]),
    ],
)
def test_every_error_names_file_key_fault_and_remedy(tmp_path: Path, addition: str, words: list[str]) -> None:
    text = error_of(tmp_path, MINIMAL + addition)
    assert [word for word in [str(tmp_path / "node.toml"), *words] if word not in text] == []


def test_one_fault_does_not_hide_another(tmp_path: Path) -> None:
    text = """
        [node]
        genesis = 7
        [listn]
        [listen]
        clien = "a:1"
        peer = "nowhere"
        [consensus]
        timeout_ms = 1
        [[peers]]
        federatio = "x"
    """
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text), {"AYNI_MEMPOOL_BYTES_MAX": "lots"}, {"log.levl": "info"})
    found = [each.removeprefix(f"{tmp_path}/node.toml: ") for each in raised.value.problems]
    assert [each.split(": ")[0] for each in found] == [
        "[listn]",
        "listen.clien",
        "flag log.levl",
        "node.data_dir",
        "node.genesis",
        "node.consensus_key",
        "listen.peer",
        "tls.certificate",
        "tls.key",
        "consensus.timeout_ms",
        "environment variable AYNI_MEMPOOL_BYTES_MAX",
        "peers[0].federatio",
        "peers[0].federation",
        "peers[0].address",
        "peers[0].certificate",
    ]
    assert str(raised.value).splitlines() == list(raised.value.problems)


def test_what_is_wrong_is_counted_when_it_is_very_much(tmp_path: Path) -> None:
    text = MINIMAL + "[log]\n" + "".join(f"x{number} = 1\n" for number in range(100))
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text))
    assert len(raised.value.problems) == 21
    assert raised.value.problems[-1] == "and 80 more"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5_000, "not valid TOML: it nests too deeply"),
        ("a = " + "9" * 5_000, "a number in it has thousands of digits"),
        (MINIMAL.replace('"data"', '"~nobody-of-that-name/x"'), "node.data_dir"),
        (MINIMAL.replace('"data"', '"a\\u0000b"'), 'node.data_dir: "a\\x00b" is no path'),
        (MINIMAL + f'[listen]\nclient = "a:{"9" * 5_000}"\n', "listen.client"),
    ],
)
def test_what_no_program_can_take_in_is_said_in_words(tmp_path: Path, text: str, words: str) -> None:
    found = error_of(tmp_path, text)
    assert words in found
    assert len(found) < 1_000


def test_numbers_of_thousands_of_digits_in_the_environment_are_no_numbers(tmp_path: Path) -> None:
    found = error_of(tmp_path, MINIMAL, {"AYNI_CONSENSUS_TIMEOUT_MS": "9" * 5_000})
    assert "is not a whole number" in found


def test_a_data_directory_with_a_name_that_no_file_system_takes_is_a_problem(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, MINIMAL.replace('"data"', f'"{"x" * 5_000}"')))
    problems = [each for each in check(loaded, ports=False) if each.key == "node.data_dir"]
    assert ["is no path: File name too long" in str(each.message) for each in problems] == [True]


def test_a_missing_key_names_the_variable_that_would_set_it(tmp_path: Path) -> None:
    text = error_of(tmp_path, MINIMAL.replace('genesis = "genesis.bin"\n', ""))
    assert "node.genesis: missing" in text and "AYNI_NODE_GENESIS" in text


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    text = error_of(tmp_path, MINIMAL, {"AYNI_MEMPOOL_BYTES_MAX": "lots"})
    assert (
        "environment variable AYNI_MEMPOOL_BYTES_MAX: mempool.bytes_max: 'lots' is not a whole number" in text
    )


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; write one"):
        load(tmp_path / "none.toml")


def test_an_unknown_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'flag listen\.klient: .*did you mean "listen\.client"'):
        load(write(tmp_path, MINIMAL), {}, {"listen.klient": "a:1"})


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    for written in write_network(tmp_path):
        read = load(written.node.data_dir.parent / "node.toml")
        assert written == replace(read, source="")


def test_odd_paths_are_written_so_that_they_read_back(tmp_path: Path) -> None:
    odd = tmp_path / 'a "b" \\ c\u007f é'
    written = NodeConfig(NodeSection(odd, odd, odd), tls=TlsSection(odd, odd))
    config.write_toml(written, tmp_path / "node.toml")
    assert written == replace(load(tmp_path / "node.toml"), source="")


def test_the_reference_lists_every_key() -> None:
    text = config.reference()
    assert "close_periods" in text and "per_organisation_max" in text and "[[peers]]" in text


# --- key files ----------------------------------------------------------------------------------------


def test_a_key_file_reads_back_and_only_its_owner_may(tmp_path: Path) -> None:
    config.write_key_file(tmp_path / "k", b"\x07" * 32)
    assert config.read_key_file(tmp_path / "k") == b"\x07" * 32
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    config.write_key_file(tmp_path / "k", b"\x07" * 32)
    with pytest.raises(ConfigError, match="exists already; a key is never overwritten"):
        config.write_key_file(tmp_path / "k", b"\x08" * 32)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    config.write_key_file(tmp_path / "k", b"\x07" * 32)
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(ConfigError, match=r"others may read this key \(mode 0644\); run: chmod 600"):
        config.read_key_file(tmp_path / "k")


def test_a_key_file_that_is_none_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("secret stuff")
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(ConfigError, match="not a key file") as raised:
        config.read_key_file(tmp_path / "k")
    assert "secret stuff" not in str(raised.value)


# --- check --------------------------------------------------------------------------------------------


def findings(checked: NodeConfig) -> dict[str, str]:
    return {problem.key: problem.message for problem in config.check(checked)}


def test_a_right_configuration_has_no_problems(tmp_path: Path) -> None:
    for each in write_network(tmp_path):
        assert findings(each) == {}


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    first.tls.key.chmod(0o644)
    wrong = replace(
        first,
        node=replace(first.node, consensus_key=tmp_path / "japan" / "service.key", genesis=tmp_path / "none"),
        listen=replace(first.listen, admin="0.0.0.0:7412"),
    )
    found = findings(wrong)
    assert "there is no such file" in found["node.genesis"]
    assert "not loopback" in found["listen.admin"]
    assert "chmod 600" in found["tls.key"]


def test_a_key_of_no_federation_is_found(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    wrong = replace(first, node=replace(first.node, consensus_key=first.node.service_key))
    assert (
        "is the key of no federation of this genesis (emilia, japan" in findings(wrong)["node.consensus_key"]
    )


def test_peers_that_do_not_match_the_genesis_are_found(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    assert '"quebec" of the genesis is missing' in findings(replace(first, peers=first.peers[:2]))["peers"]
    renamed = (replace(first.peers[0], federation="atlantis"), *first.peers[1:])
    found = findings(replace(first, peers=renamed))
    assert '"atlantis" is no federation of this genesis' in found["peers[0].federation"]
    twice = (*first.peers, first.peers[0])
    assert "is listed twice" in findings(replace(first, peers=twice))["peers[3].federation"]


def test_a_port_in_use_is_found(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        found = findings(replace(first, listen=replace(first.listen, client=address)))
    assert f"cannot listen on {address}" in found["listen.client"]


@pytest.mark.parametrize("client", ["127.0.0.1", "0.0.0.0", "[::]"])
def test_a_port_that_is_given_twice_is_found(tmp_path: Path, client: str) -> None:
    """Every address of the machine is also the one on loopback."""
    first = write_network(tmp_path)[0]
    listen = replace(first.listen, client=f"{client}:7499", admin="127.0.0.1:7499")
    [problem] = config.check(replace(first, listen=listen), ports=False)
    assert str(problem) == "listen.admin: 127.0.0.1:7499 is also listen.client; give each its own port"


def test_a_certificate_that_expires_soon_is_a_warning_and_not_fatal(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    first.peers[0].certificate.write_bytes(make_certificate("japan", valid_days=3)[0])
    problem = config.check(first)[0]
    assert problem.key == "peers[0].certificate" and not problem.fatal
    assert "expires in 2 days; ask its federation for a new one" in problem.message


def test_an_ed25519_certificate_key_pair_is_refused(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    first.tls.key.write_bytes(private)
    assert "does not belong to the certificate" in findings(first)["tls.key"]


def test_a_data_dir_that_cannot_be_is_found(tmp_path: Path) -> None:
    first = write_network(tmp_path)[0]
    (tmp_path / "file").write_text("")
    wrong = replace(first, node=replace(first.node, data_dir=tmp_path / "file" / "data"))
    assert "is not a directory" in findings(wrong)["node.data_dir"]


def test_certificates_are_never_written_over(tmp_path: Path) -> None:
    config.write_certificate("emilia", tmp_path / "c", tmp_path / "k")
    assert config.pinned_name((tmp_path / "c").read_bytes()) == "emilia"
    assert os.stat(tmp_path / "k").st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="exists already"):
        config.write_certificate("emilia", tmp_path / "c", tmp_path / "k")


def test_the_manual_lists_every_key_with_its_default() -> None:
    manual = (Path(config.__file__).parents[1] / "docs" / "operations.md").read_text()
    listed = {}
    for line in manual.splitlines():
        if line.startswith("| `"):
            names, meaning, *rest = line.strip("|").split(" | ")
            for name in names.replace("`", "").split(","):
                listed[name.strip()] = (meaning, rest[0].strip(" `") if rest else "")
    section = ""
    for line in config.reference().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            continue
        name, _, said = line.strip().partition(" ")
        default = said[said.rindex("(") + 1 : -1].strip('"')
        assert f"{section}.{name}" in listed
        assert listed[f"{section}.{name}"][1].startswith(default)
