"""Reads the register: the customer's own list of tenants, which always wins over what names and logs suggest.

Rule: a register is right as a whole or not read at all; a mistake is one line that names file and line.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from analyzer import csv_file
from analyzer.classifier import CLASSES
from analyzer.errors import UsageError

# The order in which keys are tried over all records of a request (DESIGN: the caller's own key before shared ones).
KEY_KINDS = (
    "litellm_team",
    "apim_subscription",
    "service",
    "apim_product",
    "entra_tenant",
    "resource",
    "path",
    "azure_subscription",
)
COLUMNS = ("tenant_id", "name", "domain", "country", "state", "class", "serves", "keys")
DATES = ("valid_from", "valid_to")


@dataclass(frozen=True)
class Tenant:
    """One row: who, and between which days (both inclusive; None = open). ``tenant_class`` empty: to be classified."""

    line: int
    tenant_id: str
    name: str
    domain: str
    country: str
    state: str
    tenant_class: str
    serves: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Key:
    """What in a log names a tenant. ``value`` is lower-case but for ``path``; a resource has no ``/`` at its end."""

    line: int
    tenant_id: str
    kind: str
    value: str
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Register:
    """All tenants and keys in order of the file; ``sha256`` of its bytes."""

    tenants: tuple[Tenant, ...]
    keys: tuple[Key, ...]
    sha256: str


def read_register(path: Path) -> Register:
    """The register at ``path``: CSV in UTF-8 (BOM and CRLF are fine) with the columns of ``COLUMNS``, then ``DATES``.

    Raises UsageError ``FILE:LINE: what is wrong; what would be right``.
    """
    content = csv_file.content(path, "--register takes a readable CSV of tenants")
    tenants: list[Tenant] = []
    keys: list[Key] = []
    for line, row in _rows(path, csv_file.decoded(path, content, "register")):
        tenant = _tenant(path, line, row)
        tenants.append(tenant)
        keys.extend(_keys(path, tenant, row["keys"]))
    if not tenants:
        raise UsageError(f"{path}:1: no tenant stands in it; write one row a tenant below {','.join(COLUMNS)}")
    _check_tenants(path, tenants)
    _check_keys(path, keys)
    return Register(tuple(tenants), tuple(keys), hashlib.sha256(content).hexdigest())


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by column name with the line each starts in."""
    header: list[str] = []
    for line, cells in csv_file.rows(path, text):
        if not header:
            header = _header(path, line, cells)
            continue
        csv_file.check_width(path, line, cells, header)
        yield line, dict(zip(header, (cell.strip() for cell in cells), strict=True))
    if not header:
        raise UsageError(f"{path}:1: empty; its first line should be {','.join(COLUMNS)}")


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    known = (*COLUMNS, *DATES)
    unknown = [name for name in names if name not in known]
    missing = [name for name in COLUMNS if name not in names]
    if unknown:
        raise UsageError(f"{path}:{line}: unknown column {unknown[0]!r}; columns are {','.join(known)}")
    if missing:
        raise UsageError(f"{path}:{line}: no column {missing[0]!r}; columns are {','.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise UsageError(f"{path}:{line}: a column stands twice; columns are {','.join(known)}")
    return names


def _tenant(path: Path, line: int, row: dict[str, str]) -> Tenant:
    where = f"{path}:{line}"
    if not row["tenant_id"]:
        raise UsageError(f"{where}: no tenant_id; give each tenant a short name of its own")
    if row["tenant_id"].startswith("unknown:"):
        raise UsageError(f"{where}: tenant_id {row['tenant_id']!r} is kept for unknown tenants; choose another")
    tenant_class = row["class"].lower()
    if tenant_class not in ("", *CLASSES):
        raise UsageError(f"{where}: unknown class {row['class']!r}; write {', '.join(CLASSES)} or leave it empty")
    start, end = _day(where, row, "valid_from"), _day(where, row, "valid_to")
    if start and end and end < start:
        raise UsageError(f"{where}: valid_to is before valid_from; write the later day in valid_to")
    return Tenant(
        line=line,
        tenant_id=row["tenant_id"],
        name=row["name"],
        domain=row["domain"],
        country=row["country"],
        state=row["state"],
        tenant_class=tenant_class,
        serves=_serves(where, row["serves"]),
        valid_from=start,
        valid_to=end,
    )


def _serves(where: str, cell: str) -> tuple[str, ...]:
    words = [word.strip().lower() for word in cell.split(";") if word.strip()]
    unknown = [word for word in words if word not in CLASSES]
    if unknown:
        raise UsageError(f"{where}: serves {unknown[0]!r} is no class; write {', '.join(CLASSES)}, separated by ;")
    return tuple(dict.fromkeys(words))


def _day(where: str, row: dict[str, str], column: str) -> date | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{where}: {column} {text!r} is no day; write it as 2025-01-31") from None


def _keys(path: Path, tenant: Tenant, cell: str) -> Iterator[Key]:
    where = f"{path}:{tenant.line}"
    for text in (part.strip() for part in cell.split(";")):
        if not text:
            continue
        kind, _, value = (part.strip() for part in text.partition(":"))
        kind = kind.lower()
        if kind not in KEY_KINDS:
            raise UsageError(f"{where}: unknown kind of key in {text!r}; write KIND:VALUE with {', '.join(KEY_KINDS)}")
        value = value if kind == "path" else value.lower()
        if kind == "resource":
            value = _resource(where, value)
        if not value:
            raise UsageError(f"{where}: the key {text!r} has no value; write {kind}:VALUE")
        yield Key(tenant.line, tenant.tenant_id, kind, value, tenant.valid_from, tenant.valid_to)


def _resource(where: str, value: str) -> str:
    """The prefix without a ``/`` at its end: it covers that resource id and all below, never half a name."""
    if not value.startswith("/") or not value.strip("/"):
        raise UsageError(f"{where}: resource:{value} is no resource id; write resource:/subscriptions/… up to a /")
    return value.rstrip("/")


def _check_tenants(path: Path, tenants: list[Tenant]) -> None:
    seen: dict[str, list[Tenant]] = {}
    for tenant in tenants:
        others = seen.setdefault(tenant.tenant_id, [])
        twin = next((other for other in others if _overlap(tenant, other)), None)
        if twin:
            raise UsageError(
                f"{path}:{tenant.line}: tenant {tenant.tenant_id!r} stands in line {twin.line} too; "
                "keep one, or give them days of their own in valid_from and valid_to"
            )
        others.append(tenant)


def _check_keys(path: Path, keys: Iterable[Key]) -> None:
    seen: dict[tuple[str, str], list[Key]] = {}
    for key in keys:
        others = seen.setdefault((key.kind, key.value), [])
        twin = next((other for other in others if _overlap(key, other)), None)
        if twin:
            raise UsageError(
                f"{path}:{key.line}: the key {key.kind}:{key.value} stands in line {twin.line} too; "
                "a key names one tenant at a time, so keep one or part them by valid_from and valid_to"
            )
        others.append(key)


def _overlap(one: Tenant | Key, other: Tenant | Key) -> bool:
    return (one.valid_from or date.min) <= (other.valid_to or date.max) and (other.valid_from or date.min) <= (
        one.valid_to or date.max
    )
