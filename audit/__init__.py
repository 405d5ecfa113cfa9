"""The auditor: re-verifies a whole exported history, or one file of proof, trusting no node.

Runs where grpc and plyvel are not installed. Begin at verify.py; what it says is in findings.py.
"""

from audit.files import FileReport, verify_evidence_file, verify_receipt_file
from audit.findings import Finding, Report
from audit.verify import verify_export

__all__ = [
    "FileReport",
    "Finding",
    "Report",
    "verify_evidence_file",
    "verify_export",
    "verify_receipt_file",
]
