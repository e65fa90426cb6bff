"""Functions that settings name as MODULE:FUNCTION."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def require_named_by_user(name: str, typed: str | None, where: str, option: str) -> None:
    """Refuse a "MODULE:FUNCTION" that a file holds, unless the user has named the same one.

    A file that other people have made must not decide which code runs. `typed`: what the user gave
    as `option`; `where`: the file and the entry. Raises ValueError.
    """
    if name != typed:
        raise ValueError(
            f"{where} is {name!r}, a function that is not part of thinset; no code is imported "
            f"because a file names it. If you trust it, give {option} {name}"
        )


def callable_named(name: str, what: str = "model") -> Callable[..., Any]:
    """The function, or other callable, that `name` = "MODULE:FUNCTION" refers to.

    The module is imported, also from the current folder. `what` begins the messages. Raises
    ValueError for a name of another form, for a module that does not exist or cannot be imported,
    and if the module has no such callable; ImportError for a library that the module needs.
    """
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute):
        raise ValueError(f"{what} must be MODULE:FUNCTION, such as my_models:small; got {name!r}")
    if module.startswith(".") or module.endswith(".py") or "/" in module:
        raise ValueError(
            f"{what} must be MODULE:FUNCTION, with the module as in `import MODULE`, such as "
            f"my_models:small, and not a path; got {name!r}"
        )
    # As for a script, modules in the current folder are found.
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        is_absent = f"{module}.".startswith(f"{error.name}.")
        where = ", neither in the current folder nor among installed packages" if is_absent else ""
        raise ValueError(f"{what} {name!r}: {error}{where}") from error
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{what} {name!r}: importing {module} fails: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove("")
    if found is None:
        raise ValueError(f"{what} {name!r}: {module} has no callable named {attribute!r}")
    if not callable(found):
        raise ValueError(
            f"{what} {name!r}: {module} has no callable named {attribute!r}: it is of type "
            f"{type(found).__name__}, which cannot be called; name a function instead"
        )
    called: Callable[..., Any] = found
    return called
