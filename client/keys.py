"""The encrypted keystore: one file, many named keys, one password.

Decides how seeds are kept (argon2id, moderate, once per keystore; then XSalsa20-Poly1305) and how a key
is found by name or by public key. Public keys are readable without the password; seeds never are, and
none is ever printed except by `ayni keys export`. Never talks to a node. Writes are atomic, mode 0600.

The file is JSON: {"ayni": 1, "kind": "keystore", "kdf": {...}, "box": base64, "public_keys": {name: hex}}.
`box` is a secretbox over {"name": seed hex, …}; the public keys outside are checked against it when it is
opened, so that nobody can slip in another.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nacl.exceptions
import nacl.pwhash.argon2id
import nacl.secret
import nacl.utils

from client.documents import read_object
from client.errors import KeyProblem, NotFound, UsageProblem
from client.files import changed_by_one, write_atomically
from proofs.signing import SEED_BYTES, SigningKey

FILE_VERSION = 1
KEYS_MAX = 10_000
FILE_BYTES_MAX = 16 << 20
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,79}")
_KDF = nacl.pwhash.argon2id

PasswordSource = Callable[[bool], str]
"""Gives the password; True: for a new keystore or password, so it is asked twice."""


@dataclass(frozen=True)
class KdfCost:
    """How hard a guess is made."""

    operations: int = _KDF.OPSLIMIT_MODERATE
    memory_bytes: int = _KDF.MEMLIMIT_MODERATE


def password_source(environ: Mapping[str, str], path: Path) -> PasswordSource:
    """Where the password comes from: AYNI_KEYSTORE_PASSWORD, AYNI_KEYSTORE_PASSWORD_FILE, or a prompt."""

    def source(new: bool) -> str:
        password = given(new)
        if new and not password:  # as when the command that should have said it failed
            raise KeyProblem(
                f"The keystore {path} would have an empty password.",
                "AYNI_KEYSTORE_PASSWORD, or the file AYNI_KEYSTORE_PASSWORD_FILE, says nothing.",
                "Put a password there, or unset it to be asked.",
            )
        return password

    def given(new: bool) -> str:
        if "AYNI_KEYSTORE_PASSWORD" in environ:
            return environ["AYNI_KEYSTORE_PASSWORD"]
        if environ.get("AYNI_KEYSTORE_PASSWORD_FILE"):
            return _password_from_file(Path(environ["AYNI_KEYSTORE_PASSWORD_FILE"]))
        return _prompt(path, new)

    return source


class Keystore:
    """Named keys in one encrypted file. Unlocked when a secret is first needed, and only once."""

    def __init__(self, path: Path, password: PasswordSource, cost: KdfCost | None = None) -> None:
        self.path = path
        self._password = password
        self._cost = self._cost_of_new = cost or KdfCost()
        self._document: dict[str, Any] | None = None
        self._seeds: dict[str, bytes] | None = None
        self._key = b""

    def public_keys(self) -> dict[str, bytes]:
        """Names and public keys, without the password. Empty when there is no keystore yet."""
        document = self._read()
        if document is None:
            return {}
        return {name: bytes.fromhex(key) for name, key in sorted(document["public_keys"].items())}

    def names_of(self, public_key: bytes) -> list[str]:
        """Under which names this public key is kept here."""
        return [name for name, key in self.public_keys().items() if key == public_key]

    def signing_key(self, name: str) -> SigningKey:
        """The key of that name. Raises NotFound, KeyProblem (wrong password)."""
        seeds = self._unlock()
        if name not in seeds:
            raise self._unknown(name)
        return SigningKey(seeds[name])

    def signing_key_of(self, public_key: bytes) -> SigningKey | None:
        """The key with that public key, or None when it is not kept here."""
        names = self.names_of(public_key)
        return self.signing_key(names[0]) if names else None

    def new(self, name: str) -> SigningKey:
        """Makes a key and keeps it. Raises UsageProblem when the name is taken."""
        return self.new_ones([name])[name]

    def new_ones(self, names: Iterable[str]) -> dict[str, SigningKey]:
        """Makes keys and keeps them, all or none. Raises UsageProblem like `put`."""
        seeds = {name: nacl.utils.random(SEED_BYTES) for name in names}
        return dict(zip(seeds, self.put(seeds), strict=True))

    def put(self, seeds: Mapping[str, bytes]) -> list[SigningKey]:
        """Keeps seeds under names, all or none. Raises UsageProblem: a name is taken or cannot be one."""
        self._unlock(create=True)  # before the lock: it may ask for the password
        with changed_by_one(self.path):
            return self._put(dict(self._latest()), seeds)

    def _put(self, kept: dict[str, bytes], seeds: Mapping[str, bytes]) -> list[SigningKey]:
        for name, seed in seeds.items():
            if not KEY_NAME.fullmatch(name):
                raise UsageProblem(
                    f"'{name}' cannot be a key's name.",
                    "Names have 1 to 80 letters, digits and ._/:@-, beginning with a letter or digit.",
                    "Name it like the account it signs for: emilia/cadiai.",
                )
            if name in kept:
                raise UsageProblem(
                    f"There is a key '{name}' already.", "A key is never overwritten.", "Choose another name."
                )
            if len(seed) != SEED_BYTES:
                raise UsageProblem(
                    f"The seed of '{name}' has {len(seed)} bytes.",
                    f"An Ed25519 seed has {SEED_BYTES}.",
                    "Check the file it came from.",
                )
            kept[name] = seed
        if len(kept) > KEYS_MAX:
            raise UsageProblem(
                f"The keystore would hold {len(kept)} keys.",
                f"It holds at most {KEYS_MAX}.",
                "Use a second one with --keystore.",
            )
        self._write(kept)
        return [SigningKey(seed) for seed in seeds.values()]

    def change_password(self) -> None:
        """Encrypts anew under another password, with a new salt, and as hard to guess as a new keystore."""
        self._unlock()
        password = self._password(True)
        with changed_by_one(self.path):
            seeds = self._latest()
            self._cost = self._cost_of_new
            self._start(password)
            self._write(seeds)

    def _latest(self) -> dict[str, bytes]:
        """The seeds as they are in the file now, which another process may have changed since."""
        known, self._document = self._document, None
        if self._read() != known:
            self._seeds = None
        return self._unlock(create=True)

    def _read(self) -> dict[str, Any] | None:
        if self._document is None and self.path.exists():
            try:
                document = read_object(self.path, FILE_BYTES_MAX)
                if document["kind"] != "keystore" or document["ayni"] != FILE_VERSION:
                    raise ValueError(f"it is no keystore of version {FILE_VERSION}")
                if not isinstance(document["public_keys"], dict):
                    raise ValueError("its public keys are no object")
                for key in document["public_keys"].values():
                    bytes.fromhex(key)
                self._document = document
            except OSError as error:
                raise KeyProblem(
                    f"The keystore {self.path} cannot be read.",
                    f"{error.strerror}.",
                    "Check who may read it.",
                ) from error
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(str(error)) from error
        return self._document

    def _unlock(self, create: bool = False) -> dict[str, bytes]:
        if self._seeds is not None:
            return self._seeds
        document = self._read()
        if document is None:
            if not create:
                raise KeyProblem(
                    f"There is no keystore at {self.path}.",
                    "Nothing can be signed without a key.",
                    "Make one with `ayni keys new NAME`, or name another file with --keystore.",
                )
            self._start(self._password(True))
            self._seeds = {}
            return self._seeds
        try:
            kdf = document["kdf"]
            salt, box = base64.b64decode(kdf["salt"]), base64.b64decode(document["box"])
            cost = KdfCost(int(kdf["operations"]), int(kdf["memory_bytes"]))
            if cost.memory_bytes > KdfCost().memory_bytes or cost.operations > KdfCost().operations:
                raise ValueError("its argon2id cost is beyond what this program makes")
            key = _derive(self._password(False), salt, cost)
            seeds = json.loads(nacl.secret.SecretBox(key).decrypt(box))  # whoever knows the password wrote it
        except nacl.exceptions.CryptoError as error:
            raise KeyProblem(
                f"The keystore {self.path} does not open.",
                "The password is wrong, or the file was changed.",
                "Try again; it comes from a prompt, AYNI_KEYSTORE_PASSWORD or AYNI_KEYSTORE_PASSWORD_FILE.",
            ) from error
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise self._damaged(str(error)) from error
        self._seeds = {name: bytes.fromhex(seed) for name, seed in seeds.items()}
        self._key, self._salt, self._cost = key, salt, cost
        if {name: SigningKey(seed).public_key for name, seed in self._seeds.items()} != self.public_keys():
            raise self._damaged("the public keys it lists are not those of its seeds")
        return self._seeds

    def _start(self, password: str) -> None:
        self._salt = nacl.utils.random(_KDF.SALTBYTES)
        self._key = _derive(password, self._salt, self._cost)

    def _write(self, seeds: Mapping[str, bytes]) -> None:
        content = json.dumps({name: seed.hex() for name, seed in sorted(seeds.items())}).encode()
        document = {
            "ayni": FILE_VERSION,
            "kind": "keystore",
            "kdf": {
                "name": "argon2id",
                "salt": base64.b64encode(self._salt).decode(),
                "operations": self._cost.operations,
                "memory_bytes": self._cost.memory_bytes,
            },
            "box": base64.b64encode(nacl.secret.SecretBox(self._key).encrypt(content)).decode(),
            "public_keys": {name: SigningKey(seed).public_key.hex() for name, seed in sorted(seeds.items())},
        }
        write_atomically(self.path, json.dumps(document, indent=1).encode() + b"\n", mode=0o600)
        self._document, self._seeds = document, dict(seeds)

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(self.public_keys()) or "none"
        return NotFound(
            f"There is no key '{name}' in {self.path}.", f"It holds: {known[:200]}.", "See `ayni keys list`."
        )

    def _damaged(self, why: str) -> KeyProblem:
        return KeyProblem(
            f"The keystore {self.path} is damaged.",
            f"{why}.",
            "Restore it from a copy, or import your keys.",
        )


def _derive(password: str, salt: bytes, cost: KdfCost) -> bytes:
    key: bytes = _KDF.kdf(
        nacl.secret.SecretBox.KEY_SIZE,
        password.encode(errors="surrogateescape"),  # the bytes typed, whatever the terminal is set to
        salt,
        opslimit=cost.operations,
        memlimit=cost.memory_bytes,
    )
    return key


def _password_from_file(path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyProblem(
            f"The password file {path} cannot be read.",
            f"{error}.",
            "Check AYNI_KEYSTORE_PASSWORD_FILE.",
        ) from error


def _prompt(path: Path, new: bool) -> str:
    import sys

    import click

    if not sys.stdin.isatty():
        raise KeyProblem(
            f"The keystore {path} needs its password.",
            "There is no terminal to ask at.",
            "Set AYNI_KEYSTORE_PASSWORD or AYNI_KEYSTORE_PASSWORD_FILE.",
        )
    question = f"New password for {path}" if new else f"Password for {path}"
    password: str = click.prompt(question, hide_input=True, confirmation_prompt=new, err=True)
    return password
