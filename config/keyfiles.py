"""The key files of a node: one raw 32-byte Ed25519 seed, as 64 hex digits and a newline, mode 0600.

A node's keys are not encrypted: a daemon starts unattended. (People's keys live in the client's
encrypted keystore.) Never prints or logs a seed.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from nacl.bindings import crypto_sign_seed_keypair

from config.load import ConfigError

SEED_BYTES = 32
_SEED = re.compile(rb"[0-9a-f]{64}\n?")


def write_key_file(path: Path | str, seed: bytes) -> None:
    """Writes `seed` (32 bytes) to a new file only its owner can read; never replaces a file.

    Raises ConfigError when the file exists or cannot be written.
    """
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{path}: a seed has {SEED_BYTES} bytes, this has {len(seed)}; make a new one")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: exists already; a key is never overwritten: move it away first") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; check the directory") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(seed.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_key_file(path: Path | str) -> bytes:
    """The 32-byte seed in `path`. Raises ConfigError: absent, readable by others, or not a key."""
    try:
        mode = os.stat(path).st_mode
        with open(path, "rb") as file:
            content = file.read(128)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such key file; restore it, or make one with `ayni node init`"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; check its owner and permissions"
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"{path}: others may read this key (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}"
        )
    if not _SEED.fullmatch(content):
        raise ConfigError(
            f"{path}: not a key file: expected 64 lower-case hex digits; restore it from a copy"
        )
    return bytes.fromhex(content.decode().strip())


def public_key_of(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of `seed`."""
    public_key: bytes = crypto_sign_seed_keypair(seed)[0]
    return public_key
