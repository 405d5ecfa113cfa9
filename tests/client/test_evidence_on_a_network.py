"""A validator that signs twice is proven guilty on a real network, and the commands show it to anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ayni.v1 import block_pb2
from ayni.v1 import peer_service_pb2 as pb
from client.cli import main
from client.testnet import Testnet
from config import load
from node.handshake import Handshake
from node.peers import METHOD
from node.tls import peer_channel
from proofs.domains import vote_message
from proofs.membership import membership_of
from tests.network import running_network, until

HONEST, GUILTY = (0, 1, 2), 3
VIEW = 2


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testnet]:
    """Four federations, of which the first three run a node; the fourth is the test's to play."""
    with running_network(tmp_path, only=HONEST) as testnet:
        monkeypatch.setenv("AYNI_HOME", str(testnet.home))
        yield testnet


async def sign_twice(testnet: Testnet, target: int, seen: Callable[[], bool]) -> None:
    """The fourth federation introduces itself to a node, notarizes two blocks in one view, and stays until
    that is `seen`."""
    config = load(testnet.nodes[GUILTY].config.source)
    membership = membership_of(testnet.signed_genesis)
    consensus = testnet.founders[GUILTY].consensus
    section = next(peer for peer in config.peers if peer.federation == testnet.nodes[target].federation)
    channel, own, theirs = peer_channel(config, section)
    async with channel:
        call: Any = channel.stream_stream(METHOD)()
        handshake = Handshake(membership, GUILTY, consensus, own, b"\x03" * 32)
        await call.write(handshake.challenge().SerializeToString())
        handshake.claimed(pb.PeerFrame.FromString(await call.read()))
        await call.write(handshake.answer(theirs).SerializeToString())
        handshake.admit(pb.PeerFrame.FromString(await call.read()))
        votes = []
        for digest in (b"a" * 32, b"b" * 32):
            kind = block_pb2.VOTE_KIND_NOTARIZE
            signature = consensus.sign(vote_message(testnet.genesis_hash, 0, VIEW, kind, digest))
            votes.append(
                block_pb2.Vote(view=VIEW, kind=kind, digest=digest, member=GUILTY, signature=signature)
            )
        await call.write(pb.PeerFrame(votes=pb.Votes(votes=votes)).SerializeToString())
        await asyncio.to_thread(until, seen, "one of the nodes has evidence")


def test_an_equivocator_is_listed_exported_and_verified_offline(
    network: Testnet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> list[dict[str, Any]]:
        assert main(["evidence", "list", "--json"]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["evidence"]
        return found

    assert listed() == []
    asyncio.run(sign_twice(network, target=1, seen=lambda: bool(listed())))
    guilty = {"federation": "toscana", "member": 3, "epoch": 0, "view": VIEW}
    assert listed() == [{**guilty, "votes": ["notarize", "notarize"]}]
    assert main(["evidence", "list"]) == 0
    assert "toscana       2  notarize and notarize" in capsys.readouterr().out
    assert main(["evidence", "export", "-o", str(tmp_path / "evidence")]) == 0
    [path] = (tmp_path / "evidence").iterdir()
    assert path.name == "toscana-epoch-0-view-2.evidence"
    capsys.readouterr()
    assert main(["audit", "evidence", str(path), "--genesis", str(network.genesis_file)]) == 0
    assert "proves that toscana (member 3) signed notarize and notarize" in capsys.readouterr().out
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert main(["audit", "evidence", str(path), "--genesis", str(network.genesis_file)]) == 4
