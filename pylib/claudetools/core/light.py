"""What hooks would import for more than it gives: of their 30 ms typing costs 4, and OpenSSL behind hashlib 4."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha1 as sha1
    from hashlib import sha256 as sha256
    from typing import NamedTuple as NamedTuple
else:

    def _first(name, *sources):
        for source in sources:
            try:
                return getattr(__import__(source), name)
            except (ImportError, AttributeError):
                continue

    sha1 = _first("sha1", "_sha1", "hashlib")
    sha256 = _first("sha256", "_sha2", "_sha256", "hashlib")  # Python 3.12 and later, before, wherever neither is

    class _Fields(type):
        """Makes a class with annotated fields a named tuple, with their defaults, methods and docstring."""

        def __new__(cls, name, bases, space):
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = tuple(space["__annotations__"])
            defaults = [space.pop(field) for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults)
            return type(name, (made,), {**space, "__slots__": ()})

    class NamedTuple(metaclass=_Fields):
        """As typing.NamedTuple, for classes whose module has `from __future__ import annotations`."""
