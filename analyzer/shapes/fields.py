"""Reading fields of records: keys in any case, texts that mean nothing, numbers and times in many forms.

What a single value means is said once, in Python. The functions over columns give the same for every row, and only
take a shorter way where a whole column has the form that exporters write.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ABSENT = ("", "none", "na", "null")  # what tools that know only strings write for nothing
_LONGEST_ABSENT = max(map(len, _ABSENT))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NET_EPOCH_TICKS = 621_355_968_000_000_000  # 1970-01-01 in .NET ticks (100 ns since 0001-01-01)
_NET_TICKS = (9_466_848_000_000_000, 72_580_000_000_000_000)  # 2000 to 2200, as ticks since 1970
_MOMENTS = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999, as microseconds since 1970
_INT64 = 1 << 63
_TICKS_PER_MS = 10_000
_EPOCHS = {1: (1e9, 1e11), 1000: (1e12, 1e14)}  # counts in a second, and which numbers are times: 2001 to 5138
_LONGEST_MS = 400_000_000_000_000  # reaches further than all years a time can have
_FRACTION = re.compile(r"\.(\d{7,})")
# .NET's in en-US, as policies write it, and a portal's with a comma and milliseconds; without AM or PM of 24 hours
_US_TIME = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}),? (\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[ \u202f]?([AaPp])[Mm])?", re.ASCII
)
_WHOLE_DOUBLE = re.compile(r"(-?[0-9]+)\.0+")  # how tables with doubles only write a whole number
_SUBSCRIPTION = re.compile(r"^/subscriptions/([^/]+)")

Columns = dict[str, Sequence[Any]]  # the values of the fields of a batch, by lower-cased name
Content = list[tuple[Sequence[Any], str, str]]  # for each field with bodies or chunks: its column, side and source


class About(NamedTuple):
    """What may tell the shape of a record: the keys that it has, and what some fields say, in lower case or ''."""

    names: frozenset[str]  # lower-cased
    inner_names: frozenset[str]
    category: str  # or type, as some name it; of a row of Log Analytics its table where it has no category
    resource: str
    operation: str = ""
    api_name: str = ""
    event: str = ""  # the event that a record of telemetry is
    object: str = ""  # what a body says it is
    provider: str = ""  # of the model, where a proxy calls several
    kind: str = ""  # of an event of a gateway's policy
    role: str = ""  # of a message, or of the first of several


# --- one value --------------------------------------------------------------------------------------------------------


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
            value = int(_WHOLE_DOUBLE.sub(r"\1", value.strip()))
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
    """A time in ISO form with up to seven fraction digits, or as .NET says it in the US, as 100 ns since 1970 UTC.

    No zone means UTC.

    A number is seconds or, from 1e12 on, milliseconds since 1970, as clients write them. None for any other form, and
    for what its zone puts outside the years 1 to 9999.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        for unit, (first, last) in _EPOCHS.items():
            if first <= value < last:
                return round(value * 1_000_000 / unit) * 10
    if not isinstance(value, str):
        return None
    try:
        moment = _us_time(value.strip()) or datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    micros = (moment - _EPOCH) // _MICROSECOND
    if not _MOMENTS[0] <= micros <= _MOMENTS[1]:
        return None
    fraction = _FRACTION.search(value)
    return micros * 10 + (int(fraction[1][6]) if fraction else 0)


def _us_time(value: str) -> datetime | None:
    """Raises ValueError for a day or an hour that is none."""
    found = _US_TIME.fullmatch(value)
    if not found:
        return None
    month, day, year, hour, minute, second = map(int, found.groups()[:6])
    micros = int((found[7] or "0").ljust(6, "0")[:6])
    if half := found[8]:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of half a day")
        hour = hour % 12 + (12 if half in "Pp" else 0)
    return datetime(year, month, day, hour, minute, second, micros)


def epoch(value: Any) -> int | None:
    """A time in seconds since 1970, also with a fraction or as text, as ticks; None for 0, which stands for none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MOMENTS[1] / 1_000_000:
        return None
    return round(value * 1_000_000) * 10


# --- columns ----------------------------------------------------------------------------------------------------------


def texts(values: Sequence[Any]) -> pa.Array:
    """``text`` of every value."""
    try:
        column = pc.utf8_trim_whitespace(pa.array(values, pa.string()))
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([text(value) for value in values], pa.string())
    if pc.min(pc.binary_length(column)).as_py() not in range(_LONGEST_ABSENT + 1):
        return column  # nothing in it is as short as a word for nothing
    absent = pc.is_in(pc.utf8_lower(column), value_set=pa.array(_ABSENT))
    return pc.if_else(absent, pa.scalar(None, pa.string()), column)


def first(columns: Columns, names: Iterable[str]) -> pa.Array:
    """For every row the first ``text`` that some of the columns say."""
    return pc.coalesce(*(texts(columns[name]) for name in names))


def numbers(values: Sequence[Any], bits: int = 64) -> pa.Array:
    """``number`` of every value, as int64 or int32."""
    kind = pa.int64() if bits == 64 else pa.int32()
    if set(map(type, values)) <= {int, NoneType}:
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, OverflowError):  # one that does not fit
            pass
    return pa.array([number(value, bits) for value in values], kind)


def milliseconds(values: Sequence[Any]) -> pa.Array:
    """Durations in whole milliseconds, as int64: ``number`` of every value, one with a fraction rounded."""
    if set(map(type, values)) <= {int, NoneType}:
        return numbers(values)
    return pa.array([_rounded(value) for value in values], pa.int64())


def _rounded(value: Any) -> int | None:
    whole = number(value)
    if whole is not None or not isinstance(value, str | float):
        return whole
    try:
        said = float(value)
    except ValueError:
        return None
    return number(round(said)) if math.isfinite(said) else None


def lasted(started: pa.Array, ended: pa.Array) -> pa.Array:
    """Milliseconds between two times in ticks; null for an end before the start."""
    ticks_between = pc.subtract(ended, started)
    known = pc.fill_null(pc.greater_equal(ticks_between, 0), False)
    return pc.if_else(known, pc.divide(ticks_between, _TICKS_PER_MS), pa.scalar(None, pa.int64()))


def flags(values: Sequence[Any]) -> pa.Array:
    """``flag`` of every value."""
    return pa.array([flag(value) for value in values], pa.bool_())


def times(values: Sequence[Any]) -> pa.Array:
    """``ticks`` of every value, as int64."""
    try:
        nanos = pa.array(values, pa.string()).cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except (pa.ArrowTypeError, pa.ArrowInvalid):  # another form than a time with a zone
        return pa.array([ticks(value) for value in values], pa.int64())
    return _computed(nanos, lambda count: count // 100)


def epochs(values: Sequence[Any]) -> pa.Array:
    """``epoch`` of every value, as int64."""
    return pa.array(map(epoch, values), pa.int64())


def net_times(values: Sequence[Any]) -> pa.Array:
    """Times in .NET ticks as 100 ns since 1970; null outside the years 2000 to 2200, where it is no time."""
    first, last = (bound + _NET_EPOCH_TICKS for bound in _NET_TICKS)
    count = numbers(values)
    within = pc.and_(pc.greater_equal(count, first), pc.less(count, last))
    return pc.if_else(within, pc.subtract(count, _NET_EPOCH_TICKS), pa.scalar(None, pa.int64()))


def moments(ticks_since_1970: pa.Array) -> pa.Array:
    """The times of tick counts, in UTC without zone, cut to microseconds; null outside the years 1 to 9999."""
    micros = _computed(ticks_since_1970, lambda count: count // 10)
    within = pc.and_(pc.greater_equal(micros, _MOMENTS[0]), pc.less_equal(micros, _MOMENTS[1]))
    return pc.if_else(within, micros, pa.scalar(None, pa.int64())).cast(pa.timestamp("us"))


def starts(logged: pa.Array, duration: pa.Array) -> tuple[pa.Array, pa.Array]:
    """When calls began whose end was logged, in ticks, and what told it; both ticks, the duration in ms."""
    timed = pc.fill_null(pc.and_(pc.is_valid(logged), pc.greater_equal(duration, 0)), False)
    lasted = pc.multiply(pc.min_element_wise(duration, _LONGEST_MS), _TICKS_PER_MS)
    started = pc.if_else(timed, pc.subtract(logged, pc.if_else(timed, lasted, 0)), logged)
    return started, pc.if_else(timed, "time_minus_duration", "time")


def _computed(column: pa.Array, function: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> pa.Array:
    """A function of integers over a column; null stays null."""
    values = function(pc.fill_null(column, 0).to_numpy())
    return pc.if_else(pc.is_valid(column), pa.array(values), pa.scalar(None, column.type))


def per_value(column: pa.Array, function: Callable[[str], Any], kind: pa.DataType | None = None) -> pa.Array:
    """A function of a text, worked out once for every distinct text of a column; null stays null."""
    encoded = column.dictionary_encode()
    results = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind or pa.string())
    return results.take(encoded.indices)


def lowered(values: Sequence[Any]) -> pa.Array:
    """Every value as lower-cased text; '' for what is missing or empty."""
    try:
        column = pc.fill_null(pa.array(values, pa.string()), "")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        column = pa.array([str(value or "") for value in values], pa.string())
    return per_value(column, str.lower)


def not_zero(first: pa.Array, second: pa.Array) -> pa.Array:
    """The first column where it has a number other than 0, else the second."""
    return pc.if_else(pc.fill_null(pc.not_equal(first, 0), False), first, second)


def not_empty(column: pa.Array) -> pa.Array:
    """The column of texts with '' as null."""
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def keys(kind: str, column: pa.Array) -> pa.Array:
    """Tenant keys ``KIND:VALUE``, lower-cased; null where there is no value."""
    return per_value(column, lambda value: f"{kind}:{value.lower()}")


def subscription_keys(resource: pa.Array) -> pa.Array:
    """The tenant keys that the Azure subscriptions in lower-cased resource ids give, null where there is none."""
    return per_value(resource, _subscription_key)


def _subscription_key(resource: str) -> str | None:
    found = _SUBSCRIPTION.match(resource)
    return f"azure_subscription:{found[1]}" if found else None


def lists(*columns: pa.Array) -> pa.Array:
    """For every row the values that the columns have there, as a list, in the order of the columns."""
    rows = len(columns[0])
    places = np.arange(rows * len(columns)).reshape(len(columns), rows).T.ravel()
    values = pa.concat_arrays(columns).take(pa.array(places))
    present = values.is_valid().to_numpy(zero_copy_only=False).reshape(rows, len(columns))
    ends = np.concatenate(([0], np.cumsum(present.sum(axis=1)))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), values.drop_null())


def host(url: str) -> str | None:
    """The host of a URL; None where it names none."""
    try:
        return text(urlsplit(url).hostname)
    except ValueError:  # such as an IPv6 host that does not end
        return None
