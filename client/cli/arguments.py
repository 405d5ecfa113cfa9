"""How arguments that several groups share are read: amounts, limits, percentages, keys, dates, files.

Decides that no hex has to be typed: a key is named by its name in the keystore, or by a file that holds
the public key; a hash is that of a file. Never signs and never talks to a node.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from audit.archive import open_regular
from ayni.v1 import keys_pb2, members_pb2
from client import transactions
from client.contacts import keys_named
from client.errors import KeyProblem, UsageProblem
from client.output import Unit, duration_ms, parse_amount, parse_day
from client.stamps import now_ms
from ledger import limits

if TYPE_CHECKING:
    from client.cli.writing import Writing
    from client.context import Context

DOCUMENT_BYTES_MAX = 1 << 30
_MS_PER_DAY = 24 * 3600 * 1000
_ZERO = re.compile(r"0+(?:[.:]0+)?")
_PERCENT = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,2}))? ?%?")

AmountAndUnit = tuple[str, str]
Function = Callable[..., Any]


# Options ----------------------------------------------------------------------------------------------


def as_option(help_text: str) -> Callable[[Function], Function]:
    """`--as NAME`: in whose name the transaction is made."""
    return click.option("--as", "author", default="", metavar="NAME", help=help_text)


def date_option(
    help_text: str = "Value date, year-month-day. Default: today.",
) -> Callable[[Function], Function]:
    """`--date DAY`."""
    return click.option("--date", "date_text", default="", metavar="DAY", help=help_text)


def reference_option() -> Callable[[Function], Function]:
    """`--reference TEXT`."""
    return click.option(
        "--reference", default="", help="At most 140 bytes. It is public and for ever: no personal data."
    )


def key_options(function: Function) -> Function:
    """`--key NAME|FILE` (repeatable) and `--threshold K`."""
    function = click.option(
        "--threshold",
        type=click.IntRange(0, limits.KEYS_MAX),
        default=0,
        help="How many of the keys must sign. Default: all of them.",
    )(function)
    return click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="NAME|FILE",
        help="A key: its name in the keystore, or a file with the public key. Repeatable.",
    )(function)


def limit_options(function: Function) -> Function:
    """`--credit-limit AMOUNT UNIT`, `--upper-limit AMOUNT UNIT` (both repeatable)."""
    function = click.option(
        "--upper-limit",
        "upper_limits",
        nargs=2,
        multiple=True,
        metavar="AMOUNT UNIT",
        help="Most it may hold. Repeatable, once a unit.",
    )(function)
    return click.option(
        "--credit-limit",
        "credit_limits",
        nargs=2,
        multiple=True,
        metavar="AMOUNT UNIT",
        help="How far below zero it may go. Repeatable, once a unit.",
    )(function)


# Amounts, percentages, times --------------------------------------------------------------------------


def amount_or_zero(text: str, unit: Unit) -> int:
    """An amount as `parse_amount` reads it, or zero. Raises UsageProblem."""
    if _ZERO.fullmatch(text.strip()):
        return 0
    return parse_amount(text, unit)


def limits_from(
    context: Context, credit: Sequence[AmountAndUnit], upper: Sequence[AmountAndUnit]
) -> dict[str, members_pb2.Limit]:
    """The limits that the options give, by unit, ascending. Raises UsageProblem, NotFound."""
    given: dict[str, members_pb2.Limit] = {}
    for option, pairs in (("--credit-limit", credit), ("--upper-limit", upper)):
        seen: set[str] = set()
        for amount, code in pairs:
            minor = amount_or_zero(amount, context.unit(code))
            if code in seen:
                raise UsageProblem(
                    f"{option} is given twice for {code}.", "A unit has one such limit.", "Leave one out."
                )
            seen.add(code)
            limit = given.setdefault(code, members_pb2.Limit(unit=code))
            if option == "--credit-limit":
                limit.credit_limit_minor = minor
            else:
                limit.has_upper_limit, limit.upper_limit_minor = True, minor
    return dict(sorted(given.items()))


def basis_points(text: str) -> int:
    """A percentage ("60", "12.5", "12.5 %") to basis points. Raises UsageProblem."""
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        raise UsageProblem(
            f"'{text}' is not a percentage.", "It has at most two decimals.", "Write it like 60 or 12.5."
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def parameter_value(name: str, text: str, unit: Unit | None) -> int:
    """The value of a parameter of the network by its word, of `unit` or network-wide. Raises UsageProblem."""
    match name:
        case "period-min":
            return duration_ms(text)
        case "unattested-max" if unit:
            return amount_or_zero(text, unit)
        case _:
            return basis_points(text)


def value_date(text: str) -> int:
    """A day, or today (UTC) when it is not given. Raises UsageProblem."""
    return parse_day(text) if text else now_ms() // _MS_PER_DAY


def start_of_day_ms(day: int) -> int:
    """The first instant of a day (UTC), in Unix milliseconds."""
    return day * _MS_PER_DAY


# Files and keys ---------------------------------------------------------------------------------------


def hash_of_file(path: Path) -> bytes:
    """SHA-256 of a file's content. Raises UsageProblem."""
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise UsageProblem(
                f"{path} is too large.",
                f"Documents have at most {DOCUMENT_BYTES_MAX >> 30} GiB.",
                "Split it.",
            )
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read.", f"{error.strerror}.", "Check the path.") from error


def check_one(writing: Writing, count: int) -> None:
    """Refuses --draft and --replace when a command makes several transactions. Raises UsageProblem."""
    option = "--draft" if writing.draft_path else ("--replace" if writing.replaces else "")
    if option and count > 1:
        raise UsageProblem(
            f"{option} is for one transaction.",
            f"These are {count}: they differ in author, or are too many for one.",
            "Split the file.",
        )


def key_set_from(context: Context, keys: Sequence[str], threshold: int) -> keys_pb2.KeySet | None:
    """The key set that the options name; None when they name no key. Raises UsageProblem, NotFound."""
    if not keys:
        if threshold:
            raise UsageProblem(
                f"--threshold {threshold} says nothing without keys.",
                "It is how many of the keys must sign.",
                "Name the keys with --key.",
            )
        return None
    return transactions.key_set(keys_named(keys, context.keystore), threshold)


def federation_here(context: Context, otherwise: str, *, service: bool = False) -> str:
    """The only federation whose key is in this keystore, or `otherwise`.

    `service`: its service key counts, not its decision keys. Raises KeyProblem when neither tells.
    """
    here = set(context.keystore.public_keys().values())
    found = [
        one.name
        for one in context.genesis.federations
        if here & ({one.service_key} if service else set(one.decision_keys.public_keys))
    ]
    if len(found) == 1:
        return found[0]
    if otherwise:
        return otherwise
    what = "service key" if service else "decision keys"
    raise KeyProblem(
        "It is not clear which federation this is for.",
        f"The keystore here holds the {what} of {', '.join(found) or 'no federation'}.",
        "Say it with --as FEDERATION.",
    )


def account_name(text: str) -> str:
    """An account's name, as given. Raises UsageProblem."""
    if text == limits.POOL:
        raise UsageProblem(
            "The collective pool is not an account like others.",
            "Nobody holds its key, and it pays by rule only.",
            "Pay into it with `ayni pool contribute`, look at it with `ayni pool show`.",
        )
    if not limits.ACCOUNT_NAME.match(text):
        raise UsageProblem(
            f"'{text}' cannot be an account's name.",
            "It is a federation, a slash, an organisation; of a hosted account a colon and its own name.",
            "Write it like emilia/cadiai or emilia/cadiai:m-0412.",
        )
    return text


def class_name(text: str) -> str:
    """The name of a class of entitlements, as given. Raises UsageProblem."""
    if not limits.CLASS_NAME.match(text):
        raise UsageProblem(
            f"'{text}' is no class.",
            "A class is named by its own name and its owner's.",
            "Write it like shares-2026@emilia/cadiai or hours@emilia.",
        )
    return text


def one_of(words: Iterable[str]) -> click.Choice[str]:
    """An option that takes one of these words."""
    return click.Choice(list(words))
