"""What must survive a crash: the records of the consensus journal, and the state they restore.

Spec: docs/protocol.md, C7.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ayni.v1.block_pb2 import CertifiedBlock


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the disk holds when the machine is made."""

    tip: CertifiedBlock | None
    """The last block of the last `Commit`, with its certificates; None while there is only the genesis."""
    records: Mapping[bytes, bytes]
    """Every journal record that was put and not forgotten."""
