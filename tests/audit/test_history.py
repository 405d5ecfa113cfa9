"""Whole histories: verified when right."""

from __future__ import annotations

import gc
from pathlib import Path

from audit import verify_export
from ledger.apply import RULES
from tests.audit.history import payments
from tests.audit.year import year


def test_history_with_every_type_of_transaction_verifies(tmp_path: Path) -> None:
    history = year()
    seen = {entry.tx.kind for final in history.finals for entry in final.entries}
    assert set(RULES) == seen

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert [str(finding) for finding in report.findings] == []
    assert len(history.blocks) == report.blocks
    assert sum(len(final.entries) for final in history.finals) == report.transactions
    assert report.settlements == 3


def test_history_of_one_member_verifies(tmp_path: Path) -> None:
    history = payments(3, names=("solo",))

    report = verify_export(history.export(tmp_path / "export"), history.hash)

    assert [str(finding) for finding in report.findings] == []


def test_an_audit_leaves_python_s_collector_as_it_found_it(tmp_path: Path) -> None:
    history = payments(1, names=("solo",))
    usual, during = gc.get_threshold(), []

    verify_export(
        history.export(tmp_path / "export"),
        history.hash,
        lambda done, total: during.append(gc.get_threshold()),
    )
    verify_export(tmp_path / "nowhere", history.hash)

    assert usual not in during and during
    assert gc.get_threshold() == usual
