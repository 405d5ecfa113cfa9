"""What proves something to someone who trusts no node: signatures, Merkle proofs, certificates, receipts.

Pure: no clock, chance, network or disk. Spec: docs/encoding.md and docs/protocol.md. Vectors: tests/vectors/.
"""
