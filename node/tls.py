"""TLS between validators and towards clients: what is shown, what is trusted, and fresh files noticed.

Certificates are read anew for every connection, so that a replaced certificate needs no restart. Decides
nothing about identity: that is `node/handshake.py`. Spec: DESIGN 4.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

from config import NodeConfig, PeerSection, fingerprint, pinned_name

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""The largest message between validators: a 4 MiB body, its certificates, or a batch of blocks."""

UNPACKED_ONLY: tuple[str, int] = ("grpc.compression_enabled_algorithms_bitset", 1)
"""Packed messages are refused: four kilobytes on the wire could hold up the event loop for 50 ms."""

PEER_OPTIONS: list[tuple[str, int | str]] = [
    UNPACKED_ONLY,
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not to be shared
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Whoever connects and does not finish TLS, or says nothing, is hung up on.
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_allowed_incoming_connections", 256),
    ("grpc.max_concurrent_streams", 4),
    # Whoever connects and opens no stream takes a place of one who would.
    ("grpc.max_connection_idle_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


def peer_server_credentials(config: NodeConfig) -> grpc.ServerCredentials:
    """Shows this node's certificate, and admits only the pinned certificates of the peers."""

    def read() -> Shown:
        pinned = b"".join(peer.certificate.read_bytes() for peer in config.peers)
        return Shown(config.tls.key.read_bytes(), config.tls.certificate.read_bytes(), pinned)

    files = Files(read)
    return grpc.dynamic_ssl_server_credentials(files.first, files.changed, require_client_authentication=True)


def client_server_credentials(config: NodeConfig) -> grpc.ServerCredentials:
    """Shows this node's certificate; clients are not asked for one (reads are open)."""

    def read() -> Shown:
        return Shown(config.tls.key.read_bytes(), config.tls.certificate.read_bytes(), b"")

    files = Files(read)
    return grpc.dynamic_ssl_server_credentials(files.first, files.changed)


class Shown(NamedTuple):
    """What a server shows and trusts, as PEM."""

    key: bytes
    certificate: bytes
    trusted: bytes
    """The certificates that clients of it must show one of; none: they show none."""

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The same, as gRPC takes it."""
        pairs = [(self.key, self.certificate)]
        return grpc.ssl_server_certificate_configuration(pairs, root_certificates=self.trusted or None)


class Files:
    """Certificate files that gRPC asks for anew before every handshake.

    It is told only of files that have changed: for every configuration that it is given, it frees the one
    before, which another thread may just be starting a handshake with, and the process dies with SIGSEGV
    (grpc/grpc#36693). Strangers can open as many connections as they like; files change once in years.
    """

    def __init__(self, read: Callable[[], Shown]) -> None:
        """Raises OSError when a file cannot be read."""
        self._read = read
        self._in_force = read()
        self.first = self._in_force.configuration()

    def changed(self) -> Any:
        """The new configuration, or None: what is in force stays. gRPC calls this from its own threads."""
        try:
            found = self._read()
        except OSError:
            return None  # A file being replaced: what was read before stays in force.
        if found == self._in_force:
            return None
        self._in_force = found
        return found.configuration()


def peer_channel(config: NodeConfig, peer: PeerSection) -> tuple[grpc.aio.Channel, bytes, bytes]:
    """A channel to `peer`, its certificate pinned; with our and its certificate's fingerprint.

    Raises OSError or ConfigError when a certificate file cannot be read.
    """
    own = config.tls.certificate.read_bytes()
    pinned = peer.certificate.read_bytes()
    credentials = grpc.ssl_channel_credentials(pinned, config.tls.key.read_bytes(), own)
    options = [
        *PEER_OPTIONS,
        # A channel is made for each attempt: none may wait for another's backoff.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.ssl_target_name_override", pinned_name(pinned)),
    ]
    channel = grpc.aio.secure_channel(peer.address, credentials, options)
    return channel, fingerprint(own), fingerprint(pinned)
