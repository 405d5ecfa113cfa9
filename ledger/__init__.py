"""The rules of the ledger: pure and deterministic; no clock, no chance, no I/O.

Start at `apply.py` (the table from transaction type to rule) and `chain.py` (blocks). The numbered rules
are in docs/protocol.md, the bytes in docs/encoding.md.
"""
