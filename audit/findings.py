"""What an audit says: findings, each with its place, and the report they stand in.

Decides the words only. A finding names the file, the block, the transaction and the field, as far as
they apply.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from proofs.words import printable

MESSAGE_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    file: str
    """Name of the file: "history.bin"."""
    message: str
    """What is wrong, with the figures; may quote the file as it is: `str` shows it printable."""
    height: int | None = None
    """The block."""
    transaction: int | None = None
    """The transaction's position in the block, from 0."""
    tx_id: bytes | None = None
    field: str = ""
    """Path of the field: "header.state_root", "transfer.legs[3].unit"; or a state record's key."""

    @property
    def place(self) -> str:
        """Where, in words: "history.bin, block 12, transaction 3 (ab12…), transfer.legs[0].unit"."""
        parts = [self.file]
        if self.height is not None:
            parts.append(f"block {self.height}")
        if self.transaction is not None:
            name = f" ({self.tx_id.hex()})" if self.tx_id is not None else ""
            parts.append(f"transaction {self.transaction}{name}")
        if self.field:
            parts.append(self.field)
        return ", ".join(parts)

    def __str__(self) -> str:
        return f"{printable(self.place)}: {printable(self.message, MESSAGE_CHARACTERS_MAX)}"


class AuditStopped(Exception):
    """Nothing after this finding can be verified. Never leaves `audit/`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(slots=True)
class Report:
    """The outcome of auditing an export."""

    genesis_hash: bytes
    """The one the auditor trusts."""
    network: str = ""
    findings: list[Finding] = field(default_factory=list)
    blocks: int = 0
    """Blocks verified."""
    finalizations: int = 0
    """Blocks that are final by a certificate of their own; the others through a later one."""
    transactions: int = 0
    """Transactions re-executed."""
    tip: bytes = b""
    """Digest of the last block verified."""
    time_ms: int = 0
    """Its time, Unix milliseconds."""
    state_root: bytes = b""
    signatures: int = 0
    """Signatures verified: of transactions and of certificates."""
    settlements: int = 0
    records: int = 0
    """Records in the state at the end."""
    balances_credit: int = 0
    """Balances recomputed the second way, by book; credit: accounts and the pool, in each unit."""
    balances_dues: int = 0
    balances_entitlements: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def scope(self) -> str:
        """What the audit does and does not show, in words for people."""
        upto = (
            f"verified up to height {self.blocks}, block {self.tip.hex()}" if self.tip else "nothing verified"
        )
        return (
            f"{upto}. An export alone cannot show whether the network went on after it, whether a quorum "
            "signed another history as well, or whether a finalisation before the last was left out (its "
            "block is final through a later one): compare it with another node's export, and with receipts."
        )
