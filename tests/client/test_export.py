"""`ayni export` from a node that has less than the others."""

from __future__ import annotations

import json
from pathlib import Path

from tests.client.conftest import Ayni
from tests.client.fakes import FakeNode


def test_an_export_from_a_node_that_is_catching_up_says_that_others_have_more(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    node.others_height = 1_204
    said = ayni("export", "-o", str(tmp_path / "text")).out
    assert said.splitlines()[0] == (
        "The node is catching up: its history ends at height 0 or soon after, others' at 1,204. "
        "Ask another with --node, or again later."
    )
    done = ayni("export", "-o", str(tmp_path / "json"), "--json")
    assert json.loads(done.out)["blocks"] == 0
    assert done.err.startswith("The node is catching up")


def test_an_export_from_a_node_in_step_says_nothing_of_others(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    assert "catching up" not in ayni("export", "-o", str(tmp_path / "text")).out
