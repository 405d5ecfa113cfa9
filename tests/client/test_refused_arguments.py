"""What cannot be right, whatever the ledger holds, is refused in three lines before anything is sent."""

from __future__ import annotations

import pytest

from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import FakeNode

SHARES = "shares-2026@emilia/cadiai"
HOURS = "hours@emilia"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("account", "open"),
            (
                "ayni: It is not clear which account to open.",
                "  why:  Give either an ACCOUNT or --csv FILE.",
                "  next: See `ayni account open --help`.",
            ),
        ),
        (
            ("account", "open", "emilia/cadiai/anna"),
            (
                "ayni: 'emilia/cadiai/anna' cannot be an account's name.",
                "  why:  It is a federation, a slash, an organisation; of a hosted account a colon and its"
                " own name.",
                "  next: Write it like emilia/cadiai or emilia/cadiai:m-0412.",
            ),
        ),
        (
            ("account", "limit", "emilia/cadiai", "--credit-limit", "9" * 20, "EUC"),
            (
                f"ayni: '{'9' * 20}' is not an amount of EUC.",
                "  why:  At most 10,000,000,000,000.00 EUC is possible.",
                "  next: Write it like 12.50.",
            ),
        ),
        (
            ("account", "open", "emilia/b", "--threshold", "2"),
            (
                "ayni: --threshold 2 says nothing without keys.",
                "  why:  It is how many of the keys must sign.",
                "  next: Name the keys with --key.",
            ),
        ),
        (
            ("account", "open", "emilia/b", "--credit-limit", "1", "EUC", "--credit-limit", "2", "EUC"),
            (
                "ayni: --credit-limit is given twice for EUC.",
                "  why:  A unit has one such limit.",
                "  next: Leave one out.",
            ),
        ),
        *(
            (
                (*words, "-12.50", "EUC", *more),
                (
                    "ayni: '-12.50' is not an amount: it is below zero.",
                    "  why:  Amounts are above zero; which way they go is said by the names beside them.",
                    "  next: Leave out the minus; what was paid is taken back with `ayni tx reverse`.",
                ),
            )
            for *words, more in (
                ("tx", "transfer", "emilia/cadiai", "lazio/coop", ()),
                ("pool", "contribute", ("--from", "emilia/cadiai")),
            )
        ),
        (
            ("account", "limit", "emilia/cadiai"),
            (
                "ayni: There is no limit to set.",
                "  why:  No --credit-limit, --upper-limit or --no-upper-limit was given.",
                "  next: Write it like --credit-limit 1000 EUC.",
            ),
        ),
        (
            ("account", "limit", "emilia/cadiai", "--upper-limit", "1", "EUC", "--no-upper-limit", "EUC"),
            (
                "ayni: The upper limit in EUC is both set and lifted.",
                "  why:  It can be one only.",
                "  next: Leave one out.",
            ),
        ),
        (
            ("account", "rotate-keys", "emilia/cadiai"),
            (
                "ayni: There is no new key.",
                "  why:  The new keys replace the old ones whole.",
                "  next: Name them with --key.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--csv", "--json"),
            (
                "ayni: A statement has one form.",
                "  why:  --csv and --json exclude each other.",
                "  next: Choose one.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--month", "2026-13"),
            (
                "ayni: '2026-13' is not a month.",
                "  why:  Months are written year-month, from 1970-02 to 2269-11.",
                "  next: Write it like 2026-03.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--month", "2269-12"),
            (
                "ayni: '2269-12' is not a month.",
                "  why:  Months are written year-month, from 1970-02 to 2269-11.",
                "  next: Write it like 2026-03.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--from", "2026-02-01", "--until", "2026-01-31"),
            (
                "ayni: The period from 2026-02-01 until 2026-01-31 is empty.",
                "  why:  Its last day is before its first.",
                "  next: Exchange them.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--from", "2199-01-01"),
            (
                "ayni: The period begins on 2199-01-01, which is still to come.",
                "  why:  A statement shows what is final; by this machine's clock nothing of then can be.",
                "  next: Choose an earlier day, or look at the clock.",
            ),
        ),
        (
            ("account", "statement", "emilia/cadiai", "--month", "2199-02"),
            (
                "ayni: The period begins on 2199-02-01, which is still to come.",
                "  why:  A statement shows what is final; by this machine's clock nothing of then can be.",
                "  next: Choose an earlier day, or look at the clock.",
            ),
        ),
        (
            ("tx", "transfer", "emilia/cadiai", "emilia/cadiai", "12.50", "EUC"),
            (
                "ayni: emilia/cadiai would pay itself.",
                "  why:  A payment is between two accounts; no node takes this one.",
                "  next: Name another payee.",
            ),
        ),
        (
            ("account", "proof", "emilia/cadiai", "--balance", "EUC", "--dues", "EUC", "-o", "p"),
            (
                "ayni: A proof is of one record.",
                "  why:  --balance, --holding and --dues exclude each other.",
                "  next: Write one file for each.",
            ),
        ),
        (
            ("member", "suspend", "emilia", "--reason", "no audit"),
            (
                "ayni: 'emilia' is no organisation.",
                "  why:  A federation suspends one of its own organisations.",
                "  next: Write it like emilia/cadiai.",
            ),
        ),
        (
            ("class", "define", "shares", "--kind", "share", "--unit", "EUC"),
            (
                "ayni: 'shares' is no class.",
                "  why:  A class is named by its own name and its owner's.",
                "  next: Write it like shares-2026@emilia/cadiai or hours@emilia.",
            ),
        ),
        (
            ("class", "define", SHARES, "--kind", "share", "--unit", "EUC", "--given-for", "money"),
            (
                "ayni: It is not said what a share costs and what it is worth.",
                "  why:  A share is given for money or credit, at a price, for a value in services.",
                "  next: Give --given-for, --item-value and --item-contribution.",
            ),
        ),
        (
            ("class", "define", HOURS, "--kind", "hours", "--unit", "HRS", "--given-for", "money"),
            (
                "ayni: Hours are given for service.",
                "  why:  They are earned, and nothing is paid for them.",
                "  next: Leave out --given-for and --item-contribution.",
            ),
        ),
        (
            ("entitlement", "issue", HOURS, "--to", "emilia/cadiai:m-1", "--items", "2"),
            (
                f"ayni: It is not clear who issues {HOURS}.",
                "  why:  A federation owns this class, and any of its accredited organisations may issue.",
                "  next: Say it with --as ORGANISATION.",
            ),
        ),
        (
            ("entitlement", "issue", SHARES, "--to", "emilia/cadiai:m-1", "--items", "1.5"),
            (
                "ayni: The line cannot be right: items: '1.5' is not a number of items.",
                "  why:  It was given by options.",
                "  next: Correct it.",
            ),
        ),
        (
            ("entitlement", "issue", SHARES, "--to", "emilia/cadiai:m-1", "--items", "0" * 19 + "1" * 5_000),
            (
                f"ayni: The line cannot be right: items: '{'0' * 19}{'1' * 21}' is not a number of items.",
                "  why:  It was given by options.",
                "  next: Correct it.",
            ),
        ),
        (
            ("entitlement", "issue", SHARES, "--items", "2"),
            (
                "ayni: There is not enough to issue.",
                "  why:  Missing: --to.",
                "  next: Give them, or --csv FILE.",
            ),
        ),
        (
            ("entitlement", "serve", HOURS, "--served-by", "emilia/cadiai:m-1", "--amount", "1"),
            (
                "ayni: There is not enough to record.",
                "  why:  Missing: --recipient, --paid.",
                "  next: Give them, or --csv FILE.",
            ),
        ),
        (
            ("entitlement", "serve", HOURS, "--csv", "s.csv", "--paid", "cash"),
            (
                "ayni: The lines are given twice.",
                "  why:  --csv holds all of them.",
                "  next: Leave out the options of a single line.",
            ),
        ),
        (
            ("entitlement", "give", "hours@nobody", "1", "--from", "emilia/cadiai:m-1", "--to", "lazio/coop"),
            (
                "ayni: There is no class 'hours@nobody'.",
                "  why:  Classes are named like shares-2026@emilia/cadiai or hours@emilia.",
                "  next: See `ayni class list`.",
            ),
        ),
        (
            ("pool", "contribute", "0", "EUC", "--from", "emilia/cadiai"),
            ("ayni: '0' is not an amount of EUC.", "  why:  It is zero.", "  next: Write it like 12.50."),
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_sent(
    ayni: Ayni, node: FakeNode, arguments: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    result = ayni(*arguments)
    assert three_lines(result.err) == list(lines)
    assert result.code == (8 if lines[0] == "ayni: There is no class 'hours@nobody'." else 2)
    assert node.seen == []
