"""The SDK: `from client import Client`.

Importing this package imports no grpc; the classes are loaded when first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.api import Client
    from client.networks import Network, NodeAddress

__all__ = ["Client", "Network", "NodeAddress"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from client.api import Client

        return Client
    if name in ("Network", "NodeAddress"):
        from client import networks

        return getattr(networks, name)
    raise AttributeError(f"module 'client' has no attribute {name!r}")
