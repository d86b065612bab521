"""Questions in SQL on the published snapshot: one SELECT, on a connection that can reach nothing else."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analyzer.errors import UsageError
from analyzer.excerpt import plain
from analyzer.sandbox import open_reader
from analyzer.store import Store


def query(db: Path, sql: str, parameters: dict[str, Any] | None = None) -> pa.Table:
    """The answer to one SELECT over the views of ``docs/schema.md``, as an Arrow table.

    ``parameters`` fill ``$name``. Raises UsageError when the SQL is not one SELECT or fails and when there is no
    snapshot, StoreError when it is damaged.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise UsageError(f"query: {_first_line(error)}") from None
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise UsageError(f"query: {' and '.join(kinds) or 'nothing'} given; give exactly one SELECT")
    with open_reader(Store(db.absolute()).snapshot) as con:
        try:
            answer = con.sql(sql, params=parameters or {}).to_arrow_table()
        except duckdb.InterruptException:
            raise UsageError("query: stopped for taking too long; bound it by tenant or time") from None
        except duckdb.Error as error:
            raise UsageError(f"query: {_first_line(error)}") from None

    if len(set(answer.column_names)) < answer.num_columns:
        raise UsageError("query: two columns have one name; give each a name of its own with AS")
    return answer


def _first_line(error: duckdb.Error) -> str:
    """What DuckDB says, fit for a terminal: it quotes values, and these come from logs."""
    return plain(str(error).splitlines()[0])
