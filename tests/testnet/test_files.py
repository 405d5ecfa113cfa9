"""What `ayni testnet create` writes, and the commands around a node's files. No node runs here."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.cli import main
from client.errors import UsageProblem
from client.testnet import Founding, create, federation_names, open_testnet
from client.testnet.founding import derived_seeds, make_founders
from config import check, load
from ledger.genesis import read_genesis
from proofs.membership import membership_of


def test_the_genesis_is_signed_by_every_founder_and_valid(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net")
    membership = membership_of(testnet.signed_genesis)
    founding = read_genesis(testnet.genesis_file.read_bytes())
    assert [member.name for member in membership.members] == ["emilia", "lombardia", "piemonte", "toscana"]
    assert membership.quorum == 3
    assert founding.hash == testnet.genesis_hash


def test_every_configuration_is_one_that_a_node_starts_with(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net")
    for node in testnet.nodes:
        assert check(load(node.directory / "node.toml")) == []


def test_no_two_nodes_share_a_port(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net", Founding(federations=federation_names(7)))
    listens = [node.config.listen for node in testnet.nodes]
    ports = [port for each in listens for port in (each.client, each.peer, each.admin, each.metrics)]
    assert len(set(ports)) == 28


def test_a_base_port_decides_every_port(tmp_path: Path) -> None:
    testnet = create(tmp_path / "net", base_port=23_000)
    assert [node.address for node in testnet.nodes] == [
        f"127.0.0.1:{port}" for port in (23_000, 23_004, 23_008, 23_012)
    ]


def test_a_network_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = create(tmp_path / "net")
    read = open_testnet(tmp_path / "net")
    assert read.genesis_hash == written.genesis_hash
    assert [each.decision.seed for each in read.founders] == [each.decision.seed for each in written.founders]


def test_keys_are_fresh_unless_a_seed_is_given() -> None:
    names = federation_names(4)
    assert make_founders(names)[0].decision.seed != make_founders(names)[0].decision.seed
    seeds = derived_seeds(b"test")
    assert make_founders(names, seeds)[0].decision.seed == make_founders(names, seeds)[0].decision.seed


def test_all_keys_of_a_network_are_distinct() -> None:
    founders = make_founders(federation_names(30))
    keys = {
        key.public_key
        for founder in founders
        for key in (founder.decision, founder.consensus, founder.service)
    }
    assert len(keys) == 90


def test_a_network_is_never_written_over_something_else(tmp_path: Path) -> None:
    create(tmp_path / "net")
    with pytest.raises(UsageProblem, match="is not empty"):
        create(tmp_path / "net")


def test_a_directory_without_a_network_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="does not hold a test network"):
        open_testnet(tmp_path)


@pytest.mark.parametrize("validators", [0, 31])
def test_there_are_one_to_thirty_validators(validators: int) -> None:
    with pytest.raises(ValueError, match="1 to 30 validators"):
        federation_names(validators)


def test_names_of_many_federations_ascend() -> None:
    names = federation_names(30)
    assert list(names) == sorted(set(names))
    assert len(names) == 30


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    create(tmp_path / "net")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "net").rglob("*.key")}
    assert modes == {0o600}


# The commands ---------------------------------------------------------------------------------------


def test_testnet_create_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["testnet", "create", "-v", "1", "-o", str(tmp_path / "net")]) == 0
    said = capsys.readouterr().out
    assert f"export AYNI_HOME={tmp_path}/net/home AYNI_KEYSTORE_PASSWORD=testnet" in said
    assert "emilia: clients at 127.0.0.1:" in said


def test_testnet_create_leaves_a_keystore_with_the_federations_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["testnet", "create", "-v", "1", "-o", str(tmp_path / "net")])
    capsys.readouterr()
    assert main(["keys", "list", "--home", str(tmp_path / "net" / "home")]) == 0
    said = capsys.readouterr().out
    assert "emilia" in said
    assert "emilia/service-key" in said


def test_testnet_start_names_the_federations_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create(tmp_path / "net")
    assert main(["testnet", "start", str(tmp_path / "net"), "--only", "lazio"]) == 8
    assert "There is no federation 'lazio'" in capsys.readouterr().err


def test_config_check_lists_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    testnet = create(tmp_path / "net")
    home = testnet.nodes[0].directory
    (home / "node.crt").unlink()
    (home / "consensus.key").chmod(0o644)
    assert main(["config", "check", str(home / "node.toml")]) == 2
    said = capsys.readouterr().out
    assert "error: tls.certificate:" in said
    assert "others may read this key" in said
    assert "the node would not start" in said


def test_config_check_accepts_what_a_node_starts_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    testnet = create(tmp_path / "net")
    assert main(["config", "check", str(testnet.nodes[0].directory / "node.toml")]) == 0
    assert "the node can start" in capsys.readouterr().out


def test_node_init_makes_keys_and_a_configuration_and_keeps_them_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["node", "init", "--federation", "emilia", "-o", str(tmp_path)]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    written = f"wrote {tmp_path}/node.toml"
    assert first.startswith(f"{written}, consensus.key, service.key, node.crt, node.tls.key\n")
    assert "for the genesis, give the other founders these public keys:" in first
    assert main([*arguments, "--peer", f"toscana,node.example:7411,{tmp_path}/toscana.crt"]) == 0
    again = capsys.readouterr().out
    assert again.splitlines() == [
        f"{written}; kept consensus.key, service.key, node.crt, node.tls.key",
        *first.splitlines()[1:],
        f"what node.toml said before, your changes to it included, is in {tmp_path}/node.toml.before",
    ]
    assert load(tmp_path / "node.toml").peers[0].address == "node.example:7411"


def test_the_directory_of_node_init_is_all_of_a_node_and_can_be_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It named the certificates of the others where they had been given to it, outside."""
    testnet = create(tmp_path / "net", Founding(federations=federation_names(2)))
    emilia, lombardia = testnet.nodes
    (tmp_path / "made").mkdir()
    for name in ("consensus.key", "service.key"):
        (tmp_path / "made" / name).write_bytes((emilia.directory / name).read_bytes())
        (tmp_path / "made" / name).chmod(0o600)
    given = tmp_path / "given.crt"
    given.write_bytes((lombardia.directory / "node.crt").read_bytes())
    arguments = ["node", "init", "--federation", "emilia", "-o", str(tmp_path / "made")]
    arguments += ["--genesis", str(testnet.genesis_file), "--peer", f"lombardia,127.0.0.1:1,{given}"]
    assert main(arguments) == 0
    given.unlink()
    again = [*arguments[:-1], f"lombardia,127.0.0.1:1,{tmp_path}/made/peers/lombardia.crt"]
    assert main(again) == 0
    (tmp_path / "made").rename(tmp_path / "moved")
    capsys.readouterr()
    assert main(["config", "check", "--running", str(tmp_path / "moved" / "node.toml")]) == 0, (
        capsys.readouterr()
    )


def test_node_init_says_how_a_peer_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "init", "--federation", "emilia", "-o", str(tmp_path), "--peer", "toscana"]) == 2
    assert "Write FEDERATION,HOST:PORT,CERTIFICATE" in capsys.readouterr().err
    arguments = ["node", "init", "--federation", "emilia", "-o", str(tmp_path), "--peer", "../x,a:1,x.crt"]
    assert main(arguments) == 2
    assert "'../x' cannot be a federation's name" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "health"])
def test_a_node_that_is_not_running_is_said_to_be_unreachable(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    testnet = create(tmp_path / "net")
    assert main(["node", verb, "-c", str(testnet.nodes[0].directory / "node.toml")]) == 5
    said = capsys.readouterr()
    assert "unreachable" in said.out or "does not answer" in said.err


def test_node_start_says_what_is_wrong_with_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["node", "start", "-c", str(tmp_path / "absent.toml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_stopping_a_network_that_does_not_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create(tmp_path / "net", Founding(federations=federation_names(1)))
    assert main(["testnet", "stop", str(tmp_path / "net")]) == 0
    assert capsys.readouterr().out == "stopped: none; no node of it runs\n"
