"""Contact files: somebody's public keys, so that nobody types hex.

Decides how a key is named: by its name in the keystore, or by a file that its owner wrote with
`ayni keys show NAME --json > FILE`. Never holds a secret and never signs.

    {"ayni": 1, "kind": "keys", "keys": [{"name": "emilia/cadiai", "public_key": "6f0a…"}]}
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from client.documents import is_file, read_object
from client.errors import NotFound, UsageProblem
from client.output import JSON_VERSION
from ledger import limits
from proofs.signing import KeyUnsafe, check_public_key
from proofs.words import printable

if TYPE_CHECKING:
    from client.keys import Keystore

FILE_VERSION = JSON_VERSION
FILE_BYTES_MAX = 64 << 10


def read_contact(path: Path) -> tuple[bytes, ...]:
    """The public keys in a contact file. Raises UsageProblem: it is none, or a key is unsafe."""
    try:
        document = read_object(path, FILE_BYTES_MAX)
        if document["kind"] != "keys" or document["ayni"] != FILE_VERSION:
            raise ValueError(f"it is no contact file of version {FILE_VERSION}")
        keys = tuple(bytes.fromhex(key["public_key"]) for key in document["keys"])
        if not 1 <= len(keys) <= limits.KEYS_MAX:
            raise ValueError(f"it holds {len(keys)} keys, not 1 to {limits.KEYS_MAX}")
        for key in keys:
            check_public_key(key)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error
    except KeyUnsafe as error:
        raise UsageProblem(
            f"{path} holds a key that may not be registered.", f"{error}.", "Ask for another key."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        why = f"it says no {error}" if isinstance(error, KeyError) else str(error)
        raise UsageProblem(
            f"{path} is not a contact file.",
            f"{why[0].upper()}{why[1:]}.",
            "Let its owner write one with `ayni keys show NAME --json > FILE`.",
        ) from error
    return keys


def keys_named(names: Iterable[str], keystore: Keystore) -> list[bytes]:
    """The public keys that `names` name, in their order. Raises NotFound, UsageProblem.

    A name that the keystore knows is that key; anything else is the path of a contact file.
    """
    here = keystore.public_keys()
    found: list[bytes] = []
    for name in names:
        if name in here:
            found.append(here[name])
        elif is_file(name):
            found.extend(read_contact(Path(name)))
        else:
            raise NotFound(
                f"There is no key '{printable(name, 100)}'.",
                f"{keystore.path} holds no key of that name, and no contact file is there.",
                "See `ayni keys list`, or give the file its owner wrote with `ayni keys show --json`.",
            )
    return found
