"""The records of a request and what it says -> its row in REQUESTS, and the names that it was called by."""

import polars as pl

from analyzer.schema import REQUESTS
from analyzer.shapes import UNDATED, text_id

# What a request takes from its records as it is: the first that says it, the most telling record first.
_TAKEN = (
    "request_id", "scope", "operation", "api_version", "model_version", "resource", "backend", "region", "product",
    "subscription", "caller", "caller_ip", "status", "duration_ms", "request_bytes", "response_bytes",
)  # fmt: skip
# The most telling shapes first: a record in storage says more than its row in a table, whose times are rounded.
_RANKS = {"gateway_log": 0, "gateway_row": 1, "resource_log": 2, "resource_row": 3}
# What content says too: records first, then content.
_TAKEN_OR_READ = ("api", "deployment", "model", "stream", "session_kind", "session_id")
# What is the most that anything says: rows that tell nothing may still say 0.
_COUNTED = ("prompt_tokens", "completion_tokens", "cached_tokens")
_STARTS = ("request_time", "time_minus_duration", "created", "time")  # what tells the start of a call, best first
_NEEDED = ("shape", "category", "ticks", "sequence", "sha256", "makes_request", "started_at", "started_by")
_NAMES = ("deployment", "resource", "product", "key")  # of a call, as its last parts have them
RECORD_NAMES = ("request_key", *_NEEDED, *_TAKEN, *_TAKEN_OR_READ, *_COUNTED)
# What holds where a request has no content.
_UNSEEN = {
    "prompt_seen": "none", "answer_seen": "none", "system_seen": "unknowable", "tools_seen": False,
    "pictures_seen": "none", "picture_count": 0, "order_uncertain": False,
}  # fmt: skip


def merge(records: pl.DataFrame, contents: pl.DataFrame) -> pl.DataFrame:
    """A row in the columns of REQUESTS for every request that its records make.

    ``records`` has RECORD_NAMES, ``contents`` the columns of ``contents.CONTENTS``.
    """
    shape_rank = pl.col("shape").replace_strict(_RANKS, default=len(_RANKS), return_dtype=pl.Int8)
    shapes = sorted(records["shape"].unique())
    told = (
        records.sort(
            shape_rank, "category", "ticks", "sequence", "sha256",
            descending=[False, True, False, False, False], nulls_last=True,
        )
        .group_by("request_key")
        .agg(
            pl.col("makes_request").any(),
            *((pl.col("shape") == shape).any().alias(f"is {shape}") for shape in shapes),
            *(pl.when(pl.col("started_by") == by).then("started_at").min().alias(by) for by in _STARTS),
            *(pl.col(name).first(ignore_nulls=True) for name in _TAKEN + _TAKEN_OR_READ),
            pl.len().alias("record_count"),
            pl.col(*_COUNTED).max(),
        )
        .filter("makes_request")
        .with_columns(
            shapes=pl.concat_list(
                pl.lit(None, pl.String), *(pl.when(f"is {shape}").then(pl.lit(shape)) for shape in shapes)
            ).list.drop_nulls()
        )
    )  # fmt: skip
    usual_api = (
        pl.when(pl.col("shapes").list.set_intersection(["llm_log", "llm_row"]).list.len() > 0)
        .then(pl.lit("chat"))
        .otherwise(pl.lit("other"))
    )
    read = told.join(contents, on="request_key", how="left", suffix="_read")
    whole = read.with_columns(
        *(pl.coalesce(name, f"{name}_read").alias(name) for name in _TAKEN_OR_READ if name != "api"),
        *(pl.max_horizontal(name, f"{name}_read").alias(name) for name in _COUNTED),
        *(pl.col(name).fill_null(value) for name, value in _UNSEEN.items()),
        api=pl.coalesce("api", "api_read", usual_api),
        occurred_at=pl.coalesce(*_STARTS),
        time_source=pl.coalesce(pl.when(pl.col(by).is_not_null()).then(pl.lit(by)) for by in _STARTS),
    )
    # an assistant knows from its making what no later call says
    told_before = (pl.col("api") == "assistants") & (pl.col("system_seen") == "absent")
    return whole.with_columns(
        system_seen=pl.when(told_before).then(pl.lit("unknowable")).otherwise("system_seen")
    ).select(column.name for column in REQUESTS.columns)


def name_parts(requests: pl.DataFrame, contents: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The names of the calls themselves as parts, numbered on from those that their contents have.

    Gives request_key, part_no, side, kind, name, text_id, chars, day, cut, and the texts: text_id, day, text.
    """
    called = requests.select(
        "request_key",
        pl.col("occurred_at").dt.date().fill_null(UNDATED).alias("day"),
        deployment="deployment",
        resource=pl.col("resource").str.split("/").list.last().replace("", None),
        product="product",
        key="subscription",
    )
    # few combinations of names stand for all calls
    combinations = called.select(_NAMES).unique().with_row_index("combination")
    named = (
        combinations.unpivot(_NAMES, index="combination", variable_name="name", value_name="text")
        .drop_nulls("text")
        .with_columns(number=pl.int_range(pl.len(), dtype=pl.Int32).over("combination"))
    )
    texts = named["text"].unique()
    ids = pl.DataFrame({"text": texts, "text_id": pl.Series(map(text_id, texts), dtype=pl.String)})
    named = named.join(ids.with_columns(chars=pl.col("text").str.len_chars()), on="text")
    rows = (
        called.join(combinations, on=_NAMES, nulls_equal=True)
        .select("request_key", "day", "combination")
        .join(contents.select("request_key", "part_count"), on="request_key", how="left")
        .join(named.drop("text"), on="combination")
        .select(
            "request_key",
            "name",
            "text_id",
            "chars",
            "day",
            part_no=pl.col("part_count").fill_null(0) + pl.col("number"),
            side=pl.lit("name"),
            kind=pl.lit("name"),
            cut=pl.lit(False),
        )
    )
    return rows, rows.select("text_id", "day").unique().join(ids, on="text_id").select("text_id", "day", "text")
