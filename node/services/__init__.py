"""What a node answers over gRPC: clients (`ledger`), the sysadmin (`admin`), and the errors of both.

Validators speak to each other through `node/peers.py`. Spec: ledger_service.proto, admin_service.proto.
"""
