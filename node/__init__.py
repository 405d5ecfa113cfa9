"""The daemon of one federation: storage, network, and the loop that runs consensus and ledger.

Spec: DESIGN 4.5 and 4.6, docs/operations.md. `python -m node --config FILE` starts it; nothing outside
this room imports it.
"""
