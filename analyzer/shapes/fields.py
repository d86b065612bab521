"""Reading single fields of a record: keys in any case, texts that mean nothing, numbers and times in many forms."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_ABSENT = {"", "none", "na", "null"}  # what tools that know only strings write for nothing
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NET_EPOCH_TICKS = 621_355_968_000_000_000  # 1970-01-01 in .NET ticks (100 ns since 0001-01-01)
_INT64 = 1 << 63
_FRACTION = re.compile(r"\.(\d{7,})")
_SUBSCRIPTION = re.compile(r"^/subscriptions/([^/]+)")


def lower_keys(value: Any) -> dict[str, Any]:
    """The object with its keys lower-cased; empty when the value is none."""
    return {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """A text that says something; numbers as text; None for null, '' and the words that mean nothing."""
    if isinstance(value, str):
        stripped = value.strip()
        return None if stripped.lower() in _ABSENT else stripped
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any, bits: int = 64) -> int | None:
    """A whole number, from an int, a text or a one-element list; None when it is none or does not fit."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(_INT64 >> (64 - bits)) <= value < _INT64 >> (64 - bits) else None


def flag(value: Any) -> bool | None:
    """A boolean, also written as text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def ticks(value: Any) -> int | None:
    """A time in ISO form with up to seven fraction digits, as 100 ns since 1970 UTC; no zone means UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        micros = (moment - _EPOCH) // _MICROSECOND
    except OverflowError:
        return None
    fraction = _FRACTION.search(value)
    return micros * 10 + (int(fraction[1][6]) if fraction else 0)


def net_ticks(value: Any) -> int | None:
    """A time in .NET ticks as 100 ns since 1970 UTC; None outside the years 2000 to 2200, where it is no time."""
    count = number(value)
    if count is None:
        return None
    since = count - _NET_EPOCH_TICKS
    return since if 9_466_848_000_000_000 <= since < 72_580_000_000_000_000 else None


def moment(ticks_since_1970: int | None) -> datetime | None:
    """The time of a tick count, in UTC without zone, cut to microseconds; None outside the years 1 to 9999."""
    if ticks_since_1970 is None:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=ticks_since_1970 // 10)).replace(tzinfo=None)
    except OverflowError:
        return None


def subscription_key(resource: str) -> list[str]:
    """The tenant key that the Azure subscription in a lower-cased resource id gives, as a list of none or one."""
    found = _SUBSCRIPTION.match(resource)
    return [f"azure_subscription:{found[1]}"] if found else []
