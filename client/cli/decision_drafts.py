"""`ayni decision draft`: writes a decision to a file, for several federations to sign.

Decides how each kind of decision is written down; what may be decided is the ledger's (docs/protocol.md,
M2 to M8). Needs no node and signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ayni.v1 import genesis_pb2, members_pb2
from client import transactions
from client.cli.arguments import (
    amount_or_zero,
    as_option,
    basis_points,
    federation_here,
    hash_of_file,
    key_options,
    key_set_from,
    one_of,
    parameter_value,
    start_of_day_ms,
)
from client.cli.decision_files import missing_signers, read_decision, show_draft
from client.cli.options import FILE, output_file, shared_options
from client.context import Context
from client.draftfiles import write_draft
from client.drafts import Draft
from client.errors import UsageProblem
from client.output import duration_ms, parse_day
from client.stamps import Stamp, new_stamp
from client.views.pool import PARAMETERS, parameter_text
from ledger import limits


@click.group("draft")
def draft_group() -> None:
    """Write a decision to a file, for several federations to sign."""


def draft_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every draft needs: the file, the proposing federation, when it takes effect and expires."""
    for option in (
        output_file("The draft to write."),
        click.option(
            "--add-to",
            "base",
            type=FILE,
            default=None,
            help="A draft nobody signed yet: decide its items too.",
        ),
        as_option(
            "The federation that proposes. Default: the one whose keys are here, or the one concerned."
        ),
        click.option(
            "--effective-height",
            type=click.IntRange(0),
            default=0,
            help="At the start of that block. Default: where it is included.",
        ),
        click.option(
            "--expires-in",
            "expires_text",
            default="6d",
            show_default=True,
            help="How long the signatures may take: 6h, 3d, at most 7d.",
        ),
        shared_options,
    ):
        function = option(function)
    return function


# Drafts -----------------------------------------------------------------------------------------------


@draft_group.command("accredit")
@click.argument("organisation")
@key_options
@click.option("--charter", type=FILE, required=True, help="The charter: its SHA-256 is recorded.")
@click.option("--user-seats", required=True, metavar="PERCENT", help="Board seats held by users.")
@click.option("--non-members", required=True, metavar="PERCENT", help="Held by non-members; at most 20.")
@click.option("--valid-until", default="", metavar="DAY", help="Last day. Default: until decided otherwise.")
@draft_options
def draft_accredit(
    context: Context,
    organisation: str,
    keys: tuple[str, ...],
    threshold: int,
    charter: Path,
    user_seats: str,
    non_members: str,
    valid_until: str,
    **draft: Any,
) -> None:
    """Accredit an organisation as issuer and provider.

    --key is for an organisation that has no account yet. It renews, and ends a suspension.
    """
    _check_organisation(organisation)
    until_ms = start_of_day_ms(parse_day(valid_until) + 1) - 1 if valid_until else 0
    accredit = members_pb2.Accredit(
        organisation=organisation,
        keys=key_set_from(context, keys, threshold),
        charter_hash=hash_of_file(charter),
        user_seats_bp=basis_points(user_seats),
        non_member_bp=basis_points(non_members),
        valid_until_ms=until_ms,
    )
    if accredit.user_seats_bp > limits.BASIS_POINTS or accredit.non_member_bp > limits.NON_MEMBER_BP_MAX:
        raise UsageProblem(
            f"{organisation} cannot be accredited on these terms.",
            f"Users hold {user_seats} % of the seats, of 100; non-members {non_members} %, of at most 20.",
            "Check the figures in the charter.",
        )
    item = members_pb2.DecisionItem(accredit=accredit)
    _write_draft(context, item, limits.federation_of(organisation), **draft)


@draft_group.command("reinstate")
@click.argument("organisation")
@draft_options
def draft_reinstate(context: Context, organisation: str, **draft: Any) -> None:
    """End an organisation's suspension."""
    _check_organisation(organisation)
    item = members_pb2.DecisionItem(reinstate=members_pb2.Reinstate(organisation=organisation))
    _write_draft(context, item, limits.federation_of(organisation), **draft)


@draft_group.command("quota")
@click.argument("federation")
@click.argument("amount")
@click.argument("code", metavar="UNIT")
@draft_options
def draft_quota(context: Context, federation: str, amount: str, code: str, **draft: Any) -> None:
    """Set the most a federation's limits may add up to.

    Credit limits and issue ceilings together.
    """
    _check_federation(context, federation)
    quota = genesis_pb2.Quota(
        federation=federation, unit=code, amount_minor=amount_or_zero(amount, context.unit(code))
    )
    _write_draft(context, members_pb2.DecisionItem(quota=quota), federation, **draft)


@draft_group.command("ceiling")
@click.argument("organisation")
@click.argument("amount")
@click.argument("code", metavar="UNIT")
@draft_options
def draft_ceiling(context: Context, organisation: str, amount: str, code: str, **draft: Any) -> None:
    """Set the most that an organisation may have outstanding."""
    _check_organisation(organisation)
    ceiling = members_pb2.Ceiling(
        organisation=organisation, unit=code, amount_minor=amount_or_zero(amount, context.unit(code))
    )
    item = members_pb2.DecisionItem(ceiling=ceiling)
    _write_draft(context, item, limits.federation_of(organisation), **draft)


@draft_group.command("parameter")
@click.argument("name", type=one_of(PARAMETERS.values()), metavar="NAME")
@click.argument("value")
@click.option("--unit", "code", default="", metavar="UNIT", help="Of every parameter but period-min.")
@draft_options
def draft_parameter(context: Context, name: str, value: str, code: str, **draft: Any) -> None:
    """Set a parameter of the network: period-min, advance, deposit, redeemable or unattested-max.

    period-min is a duration (28d); advance, deposit and redeemable are percentages (50); unattested-max is
    an amount of the unit.
    """
    if bool(code) == (name == "period-min"):
        raise UsageProblem(
            f"The parameter {name} {'is network-wide' if code else 'is set for one unit'}.",
            "Only period-min is network-wide; the others are set per unit.",
            "Leave out --unit." if code else f"Give --unit: {', '.join(sorted(context.units))}.",
        )
    number = next(number for number, word in PARAMETERS.items() if word == name)
    figure = parameter_value(name, value, context.unit(code) if code else None)
    _, least, most = limits.PARAMETER_BOUNDS[number]
    parameter = genesis_pb2.Parameter(unit=code, value=figure)
    parameter.name = number  # type: ignore[assignment]  # a key of PARAMETERS is a ParameterName
    if not least <= figure <= most:
        bounds = []
        for bound in (least, most):
            parameter.value = bound
            bounds.append(parameter_text(parameter, context.units))
        raise UsageProblem(
            f"{value} is out of bounds for {name}.",
            f"{bounds[0]} to {bounds[1]} is allowed.",
            "Choose another value.",
        )
    _write_draft(context, members_pb2.DecisionItem(parameter=parameter), "", **draft)


def _write_draft(
    context: Context,
    item: members_pb2.DecisionItem,
    concerned: str,
    *,
    path: Path,
    base: Path | None,
    author: str,
    effective_height: int,
    expires_text: str,
) -> None:
    stamp = new_stamp(duration_ms(expires_text))
    items = [item]
    if base is not None:
        earlier = read_decision(context, base)
        stamp = _continued(earlier, base, stamp)
        body = earlier.parsed()
        items = [*body.decision.items, item]
        author = author or body.author
        effective_height = effective_height or body.decision.effective_height
    author = author or federation_here(context, concerned)
    _check_federation(context, author)
    draft = transactions.decision(author, items, stamp, effective_height=effective_height)
    write_draft(path, draft, context.network.name, context.network.genesis_hash)
    show_draft(context, draft, path, missing_signers(context, draft))


def _continued(earlier: Draft, base: Path, stamp: Stamp) -> Stamp:
    """The stamp of a draft that takes over another's items: it replaces it, so its nonce too."""
    if earlier.signatures:
        raise UsageProblem(
            f"{base} is signed already.",
            "A signature covers every item, so that none can be added.",
            "Draft a decision of its own, or start again.",
        )
    return stamp._replace(nonce=earlier.parsed().nonce)


def _check_organisation(name: str) -> None:
    if not limits.ORGANISATION_NAME.match(name):
        raise UsageProblem(
            f"'{name}' is no organisation's name.",
            "It is a federation's name, a slash, and its own.",
            "Write it like emilia/cadiai.",
        )


def _check_federation(context: Context, name: str) -> None:
    names = [one.name for one in context.genesis.federations]
    if name not in names:
        raise UsageProblem(
            f"'{name}' is no federation of the network '{context.network.name}'.",
            f"Its federations are {', '.join(names)}.",
            "Use one of these.",
        )
