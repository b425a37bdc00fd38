"""A griffe extension for the API pages: docstrings' roles as links, and each object once, in its own module."""

import re
from collections.abc import Iterator
from typing import Any

from griffe import Class, Extension, Module, NameResolutionError, Object

_ROLE = re.compile(r":(?:mod|func|class|meth|data|attr):`~?([\w.]+)`")


class Roles(Extension):
    """Rewrites ``:func:`name``` as mkdocs-autorefs' link, from the place that the docstring is in.

    A name that nothing defines stays a link, which ``mkdocs build --strict`` refuses.
    """

    def on_package(self, *, pkg: Module, **kwargs: Any) -> None:
        """Rewrites a loaded package."""
        for obj in _objects(pkg):
            if obj.docstring is not None:
                obj.docstring.value = _ROLE.sub(lambda match, obj=obj: _link(match[1], obj, pkg), obj.docstring.value)
            if isinstance(obj, Module):
                obj.exports = None  # the package's shorter names for what its modules define


def _objects(obj: Object) -> Iterator[Object]:
    yield obj
    for member in obj.members.values():
        if not member.is_alias:
            if isinstance(member, Module | Class):
                yield from _objects(member)
            else:
                yield member


def _link(name: str, obj: Object, pkg: Module) -> str:
    first, _, rest = name.partition(".")
    try:
        path = name if first == pkg.name else ".".join(filter(None, (obj.resolve(first), rest)))
    except NameResolutionError:
        path = name
    try:
        found = pkg[path.removeprefix(f"{pkg.name}.")]
        target = found.final_target if found.is_alias else found
    except KeyError:
        return f"[`{name}`][{path}]"
    # Constants and special methods have no entry of their own.
    shown = target.docstring is not None and not target.name.startswith("_")
    return f"[`{name}`][{target.path}]" if shown else f"`{name}`"
