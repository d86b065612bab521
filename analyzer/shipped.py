"""Where the data that comes with the tool lies: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``queries`` or ``sample_logs`` as this installation has it.

    A wheel carries both under ``analyzer/_shipped``; an editable install reads those of the checkout.
    """
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
