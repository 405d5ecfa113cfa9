"""TLS between validators and towards clients: what is shown, what is trusted, and fresh files noticed.

Certificates are read anew for every connection, so that a replaced certificate needs no restart. Decides
nothing about identity: that is `node/handshake.py`. Spec: DESIGN 4.6.
"""

from __future__ import annotations

from typing import Any

import grpc

from config import NodeConfig, PeerSection, fingerprint, pinned_name

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""The largest message between validators: a 4 MiB body, its certificates, or a batch of blocks."""

PEER_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not to be shared
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


def peer_server_credentials(config: NodeConfig) -> grpc.ServerCredentials:
    """Shows this node's certificate, and admits only the pinned certificates of the peers."""

    def read() -> grpc.ServerCertificateConfiguration:
        pair = (config.tls.key.read_bytes(), config.tls.certificate.read_bytes())
        pinned = b"".join(peer.certificate.read_bytes() for peer in config.peers)
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=pinned or None)

    def read_again() -> Any:
        try:
            return read()
        except OSError:
            return None  # A file being replaced: what was read before stays in force.

    return grpc.dynamic_ssl_server_credentials(read(), read_again, require_client_authentication=True)


def client_server_credentials(config: NodeConfig) -> grpc.ServerCredentials:
    """Shows this node's certificate; clients are not asked for one (reads are open)."""

    def read() -> grpc.ServerCertificateConfiguration:
        pair = (config.tls.key.read_bytes(), config.tls.certificate.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair])

    def read_again() -> Any:
        try:
            return read()
        except OSError:
            return None

    return grpc.dynamic_ssl_server_credentials(read(), read_again)


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
