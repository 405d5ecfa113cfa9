"""Plots of figures that have points, as SVG: lines over numbers, nothing more.

Decides what a plot looks like, and which figure has one. Draws only what is in the result it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 55
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#6b4c9a", "#8c6d1f")
TICKS = 6
POINT = 3

Points = Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """What an axis says, and whether it is logarithmic."""

    label: str
    log: bool = False


def draw(title: str, x_axis: Axis, y_axis: Axis, lines: Mapping[str, Points]) -> str:
    """An SVG with one line for each name, and a legend. On a logarithmic axis all numbers are above 0."""
    every = [point for points in lines.values() for point in points]
    x_of = _scale(x_axis, [x for x, _ in every], LEFT, WIDTH - RIGHT)
    y_of = _scale(y_axis, [y for _, y in every], HEIGHT - BOTTOM, TOP)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, TOP - 20, title, 'font-size="14"'),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, x_axis.label, 'text-anchor="middle"'),
        _text(15, middle, y_axis.label, f'text-anchor="middle" transform="rotate(-90 15 {middle:.0f})"'),
    ]
    for x in _ticks(x_axis, [x for x, _ in every]):
        at = x_of(x)
        parts += [_line(at, TOP, at, HEIGHT - BOTTOM), _text(at, HEIGHT - BOTTOM + 18, f"{x:,g}", _CENTRED)]
    for y in _ticks(y_axis, [y for _, y in every]):
        at = y_of(y)
        parts += [_line(LEFT, at, WIDTH - RIGHT, at), _text(LEFT - 6, at + 4, f"{y:,g}", _RIGHT)]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        placed = [(x_of(x), y_of(y)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{POINT}" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(LEFT + 10, TOP + 18 + 16 * number, name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>", ""])


_CENTRED = 'text-anchor="middle"'
_RIGHT = 'text-anchor="end"'


def _scale(axis: Axis, values: Sequence[float], begin: float, end: float) -> Callable[[float], float]:
    ticks = _ticks(axis, values)
    low, high = (math.log10(ticks[0]), math.log10(ticks[-1])) if axis.log else (ticks[0], ticks[-1])
    return lambda value: (
        begin + ((math.log10(value) if axis.log else value) - low) / (high - low) * (end - begin)
    )


def _ticks(axis: Axis, values: Sequence[float]) -> list[float]:
    """Round numbers from at most the least value to at least the greatest; from 0 if not logarithmic."""
    if axis.log:
        first = math.floor(math.log10(min(values)))
        last = max(first + 1, math.ceil(math.log10(max(values))))
        return [10.0**power for power in range(first, last + 1)]
    rough = (max(values) or 1) / TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(math.ceil(max(values) / step) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'


# Which figure has one --------------------------------------------------------------------------------


def _curve(result: dict[str, Any]) -> str:
    lines = {name: [(point["final"], point[name]) for point in result["points"]] for name in ("p50", "p99")}
    members = result["parameters"]["members"]
    return draw(
        f"Latency against throughput, {members} members",
        Axis("final, transactions a second"),
        Axis("due to verified receipt, ms", log=True),
        lines,
    )


def _wan(result: dict[str, Any]) -> str:
    names = ("near_p50", "far_p50", "steady_p50")
    lines: dict[str, Points] = {
        name: [(point["delay_ms"], point[name]) for point in result["points"]] for name in names
    }
    none = result["points"][0]
    lines["three delays, and near_p50 without delay"] = [
        (point["delay_ms"], none["near_p50"] + 3 * point["delay_ms"]) for point in result["points"]
    ]
    return draw("Finality over long lines", Axis("one-way delay, ms"), Axis("ms"), lines)


def _growth(result: dict[str, Any]) -> str:
    first = result["points"][0]
    lines: dict[str, Points] = {
        name: [(point["size"], point[cost] / first[cost]) for point in result["points"]]
        for cost, name in GROWING.items()
    }
    return draw(
        "What a user waits for, as log and accounts grow",
        Axis("accounts, and as many transactions", log=True),
        Axis(f"times its cost at {first['size']:,}"),
        lines,
    )


GROWING = {
    "transaction_steady_verifications": "a transaction",
    "transaction_same_accounts_steady_verifications": "a transaction, the same accounts busy",
    "statement_us": "a page of a statement",
    "receipt_us": "a receipt",
    "settlement_ms": "a settlement",
    "restart_first_vote_s": "a restart",
}
"""What the plot of growth shows of a result, and how it calls it."""

PLOTS: dict[str, Callable[[dict[str, Any]], str]] = {"curve": _curve, "wan": _wan, "growth": _growth}
"""By figure: the document of a result to the SVG."""
