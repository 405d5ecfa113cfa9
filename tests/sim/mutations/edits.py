"""How a bug is planted: a few words of a production function are replaced, and its code exchanged in place.

    with planted([Edit("consensus.voting:Ballot.may", (("return not any(", "return True or any("),))]):
        ...

The function stays the same object, so that whoever has imported it gets the bug too. An edit whose words are
not in the function once exactly is refused: production has changed, and the bug must be planted anew.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any


class CannotPlant(Exception):
    """Production is not what the edit was made for."""


@dataclass(frozen=True)
class Edit:
    """Some words of one function, replaced."""

    where: str
    """`module:function` or `module:Class.function`; of a property, what gets it."""
    replacements: tuple[tuple[str, str], ...]
    """(words as they are in its source, words in their place), each pair in turn."""


@contextmanager
def planted(edits: Iterable[Edit]) -> Iterator[None]:
    """While it lasts, the functions are as edited. Raises CannotPlant."""
    with ExitStack() as stack:
        for edit in edits:
            function = _function(edit.where)
            stack.callback(setattr, function, "__code__", function.__code__)
            function.__code__ = _edited(function, edit)
        yield


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    if not isinstance(found, FunctionType) or found.__closure__:
        raise CannotPlant(f"{where} is no plain function")
    return found


def _edited(function: FunctionType, edit: Edit) -> CodeType:
    source = textwrap.dedent(inspect.getsource(function))
    for words, others in edit.replacements:
        if source.count(words) != 1:
            raise CannotPlant(f"{edit.where} has {words!r} {source.count(words)} times, not once")
        source = source.replace(words, others)
    while source.startswith("@"):
        source = source.partition("\n")[2]
    source = f"from __future__ import annotations\n{source}"
    unit = compile(source, f"<planted in {edit.where}>", "exec", dont_inherit=True)
    made: dict[str, Any] = {}
    exec(unit, dict(function.__globals__), made)  # our own words, from this directory
    code = made[function.__name__].__code__
    if not isinstance(code, CodeType) or code.co_freevars != function.__code__.co_freevars:
        raise CannotPlant(f"{edit.where} cannot be exchanged in place")
    return code
