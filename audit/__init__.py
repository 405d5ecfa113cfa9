"""The auditor: re-verifies a whole exported history, two against each other, or one file of proof.

Trusts no node, and runs where grpc and plyvel are not installed. Begin at verify.py; what it says is in
findings.py. Two exports are compared in forks.py.

Importing this package imports nothing else of it: what is named here is loaded when it is first asked for. A
worker process needs little of it (workers.py), and there is one for each core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.files import FileReport, Guilty, guilty_of, verify_evidence_file, verify_receipt_file
    from audit.findings import Finding, Report
    from audit.forks import Comparison, GenesisUnreadable, NotComparable, Parting, compare_exports
    from audit.verify import verify_export

__all__ = [
    "Comparison",
    "FileReport",
    "Finding",
    "GenesisUnreadable",
    "Guilty",
    "NotComparable",
    "Parting",
    "Report",
    "compare_exports",
    "guilty_of",
    "verify_evidence_file",
    "verify_export",
    "verify_receipt_file",
]

_MODULES = {
    "Finding": "findings",
    "Report": "findings",
    "Comparison": "forks",
    "GenesisUnreadable": "forks",
    "NotComparable": "forks",
    "Parting": "forks",
    "compare_exports": "forks",
    "verify_export": "verify",
}
"""Where each is; the others are in files.py."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'audit' has no attribute {name!r}")
    return getattr(import_module(f"audit.{_MODULES.get(name, 'files')}"), name)
