"""The auditor: re-verifies a whole exported history, two against each other, or one file of proof.

Trusts no node, and runs where grpc and plyvel are not installed. Begin at verify.py; what it says is in
findings.py. Two exports are compared in forks.py.
"""

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
