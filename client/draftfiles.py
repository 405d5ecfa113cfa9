"""Transactions as files, on their way from signer to signer.

Decides the two forms: JSON, which says who must sign and can be read by a person (default), and `.ayni`,
the bare SignedTransaction bytes. Never signs and never sends. A file names its network by genesis hash,
so that nobody signs for another one unawares; the signatures it has are verified.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from ayni.v1 import transaction_pb2
from client.documents import parse_object, read_bounded
from client.drafts import Draft, signers_of
from client.errors import UsageProblem, VerificationFailed
from client.files import write_file
from ledger import limits
from proofs import domains
from proofs.signing import SignatureInvalid, verify

FILE_VERSION = 1
FILE_BYTES_MAX = 4 * limits.TRANSACTION_BYTES_MAX


def write_draft(path: Path, draft: Draft, network: str, genesis_hash: bytes) -> None:
    """Writes a draft; as bare bytes when the file's name ends in `.ayni`. Raises UsageProblem.

    Never over another transaction that somebody has signed already, nor over signatures that it lacks.
    """
    _spare_signed(path, draft, genesis_hash)
    if path.suffix == ".ayni":
        content = draft.envelope()
    else:
        document = {
            "ayni": FILE_VERSION,
            "kind": "draft",
            "network": network,
            "genesis_hash": genesis_hash.hex(),
            "tx_id": draft.tx_id.hex(),
            "signers": list(draft.signers),
            "signed_by": [public_key.hex() for public_key, _ in draft.signatures],
            "content": json_format.MessageToDict(draft.parsed(), preserving_proto_field_name=True),
            "transaction": base64.b64encode(draft.envelope()).decode(),
        }
        content = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    write_file(path, content)


def _spare_signed(path: Path, draft: Draft, genesis_hash: bytes) -> None:
    try:
        there = read_draft(path, genesis_hash) if path.exists() else None
    except (UsageProblem, VerificationFailed):
        return
    if there is None:
        return
    if there.tx_id == draft.tx_id and (lost := set(there.signatures) - set(draft.signatures)):
        raise UsageProblem(
            f"{path} holds signatures that this file lacks.",
            f"{len(lost)} of its {len(there.signatures)} would be lost.",
            "Sign that file itself, or choose another.",
        )
    if there.signatures and there.tx_id != draft.tx_id:
        raise UsageProblem(
            f"{path} holds another transaction, which is signed.",
            f"It is {there.tx_id.hex()[:16]}, with {len(there.signatures)} signatures that would be lost.",
            "Choose another file, or remove that one first.",
        )


def read_draft(path: Path, genesis_hash: bytes) -> Draft:
    """Reads either form. Raises UsageProblem: not a transaction, or one for another network;
    VerificationFailed: a signature is false, so that nobody counts on it.

    What is signed is `transaction`; `content` is only there to be read, and must say the same.
    """
    try:
        content = read_bounded(path, FILE_BYTES_MAX)
        draft = _from_json(content, genesis_hash) if _is_json(content) else _draft(content, ())
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, DecodeError) as error:
        raise UsageProblem(
            f"{path} is not a transaction for this network.",
            f"{_why(error)}.",
            "Ask whoever wrote it for the file again, and check --network.",
        ) from error
    message = domains.transaction_message(genesis_hash, draft.body)
    for public_key, signature in draft.signatures:
        try:
            verify(public_key, message, signature)
        except SignatureInvalid as error:
            raise VerificationFailed(
                f"A signature in {path} is false.",
                f"That of key {public_key.hex()}: {error}.",
                "Ask whoever wrote it for the file again, and check --network; sign nothing in it.",
            ) from error
    return draft


def _is_json(content: bytes) -> bool:
    """Which of the two forms it is.

    Bare bytes begin with the tag of the body, a line feed to JSON, and the body's length: 123 is "{".
    """
    if content[:1] == b"{" or content.lstrip()[:1] != b"{":
        return content[:1] == b"{"
    try:
        return bool(parse_object(content))
    except ValueError:
        return False


def _from_json(content: bytes, genesis_hash: bytes) -> Draft:
    document = parse_object(content)
    if document["kind"] != "draft" or document["ayni"] != FILE_VERSION:
        raise ValueError(f"it is no draft of version {FILE_VERSION}")
    if document["genesis_hash"] != genesis_hash.hex():
        raise ValueError(
            f"it is for the network {document['network']} with genesis {document['genesis_hash'][:16]}"
        )
    draft = _draft(base64.b64decode(document["transaction"]), _names(document["signers"]))
    shown = json_format.MessageToDict(draft.parsed(), preserving_proto_field_name=True)
    if document["tx_id"] != draft.tx_id.hex() or document["content"] != shown:
        raise ValueError("what it shows is not what would be signed")
    return draft


def _why(error: Exception) -> str:
    match error:
        case KeyError():
            return f"it says no {error}"
        case TypeError():
            return "what it says is not of the form that a draft has"
        case _:
            return str(error)


def _names(signers: object) -> list[str]:
    """Who must sign, as a file says it. Raises ValueError."""
    if not isinstance(signers, list) or not all(isinstance(one, str) for one in signers):
        raise ValueError("its signers are no list of names")
    for name in signers:
        if not (limits.ACCOUNT_NAME.match(name) or limits.FEDERATION_NAME.match(name)):
            raise ValueError(f"its signer {name[:100]!r} is no account or federation")
    return signers


def _draft(raw: bytes, signers: list[str] | tuple[str, ...]) -> Draft:
    signed = transaction_pb2.SignedTransaction.FromString(raw)
    body = transaction_pb2.Body.FromString(signed.body)
    if body.WhichOneof("payload") is None:
        raise ValueError("it holds no transaction")
    if body.SerializeToString(deterministic=True) != signed.body:
        raise ValueError("its bytes are not canonical, and would be refused")
    signatures = tuple(sorted((one.public_key, one.signature) for one in signed.signatures))
    return Draft(signed.body, domains.tx_id(signed.body), signers_of(body, signers), signatures)
