"""SQL over a findings lake, embedded: DuckDB reads the same files, with the same schema, as Athena does.

Tables: `findings`, `resources` (every run); `latest_findings`, `latest_resources` (each account's last run), and a view
of each resource type (`ec2_instance`) over the last runs, its properties as columns. Nothing can be changed: one SELECT
is answered, and it may open the lake's files and no others, nor the network.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.lake import COLLECTED, COLUMNS, KINDS, LAKE, RUN, TABLES, TOOL, VERSION, NotInstalled
from auditor.lake_files import BadLake, File
from auditor.settings import nearest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a name in SQL never means a variable of this program
}
# What Athena calls otherwise, so that a query runs here as it runs there.
MACROS = (
    "element_at(container, place) AS container[place]",
    "json_extract_scalar(document, path) AS json_extract_string(document, path)",
)
SQL_TYPES = {
    "string": "VARCHAR", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "map": "MAP(VARCHAR, VARCHAR)",
    "list": "VARCHAR[]",
}  # fmt: skip
FETCHED = 1_000  # rows at a time


class BadQuery(ValueError):
    """A query that cannot be answered: one line says why, and where in it."""


@dataclass(frozen=True)
class Answer:
    """What a query gives: the columns' names, each once, and the rows as they come."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Saved:
    """A query that ships with the program."""

    name: str
    about: str
    sql: str


@cache
def saved() -> dict[str, Saved]:
    """The saved queries by name: of an installed program, or of deploy/athena in a checkout."""
    package = Path(__file__).parent
    folder = next(path for path in (package / "athena", package.parent / "deploy" / "athena") if path.is_dir())
    made = {}
    for path in sorted((folder / "queries").glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        comments = (line.removeprefix("--").strip() for line in sql.splitlines() if line.startswith("--"))
        made[path.stem] = Saved(path.stem, " ".join(comments), sql)
    return made


@contextlib.contextmanager
def opened(files: Sequence[File]) -> Iterator["DuckDBPyConnection"]:
    """A connection that has these files as tables, locked. Raises NotInstalled, BadLake."""
    try:
        import duckdb
    except ImportError:
        raise NotInstalled from None
    connection = duckdb.connect(config=SETTINGS)
    try:
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            connection.execute("SET temp_directory = $1", [folder])
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET errors_as_json = true")
            for macro in MACROS:
                connection.execute(f"CREATE MACRO {macro}")
            _tables(connection, files)
            connection.execute("SET allowed_paths = $1", [[str(file.path) for file in files]])
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    finally:
        connection.close()


def ask(connection: "DuckDBPyConnection", sql: str) -> Answer:
    """Answer one SELECT. Raises BadQuery, also while rows are taken."""
    import duckdb

    try:
        statements = connection.extract_statements(sql)
        if not statements:
            raise BadQuery("the query is empty")
        if len(statements) > 1:
            raise BadQuery(f"these are {len(statements)} statements: ask one at a time")
        if statements[0].type != duckdb.StatementType.SELECT:
            raise BadQuery(f"{statements[0].type.name} is not answered: a lake is only read, so write a SELECT")
        result = connection.execute(statements[0])
        names = [column[0] for column in result.description or ()]
    except duckdb.Error as error:
        raise _bad(error, sql, connection) from None
    return Answer(_once(names), _rows(connection, sql))


def _rows(connection: "DuckDBPyConnection", sql: str) -> Iterator[tuple[Any, ...]]:
    import duckdb

    try:
        while rows := connection.fetchmany(FETCHED):
            yield from rows
    except duckdb.Error as error:  # a value that cannot be cast may be far down
        raise _bad(error, sql, connection) from None


def _once(names: Sequence[str]) -> tuple[str, ...]:
    """Column names without repetition: in an object, the second would hide the first."""
    made: dict[str, None] = {}
    for name in names:
        count, own = 1, name
        while own in made:
            count += 1
            own = f"{name}_{count}"
        made[own] = None
    return tuple(made)


def _bad(error: Exception, sql: str, connection: "DuckDBPyConnection") -> BadQuery:
    """DuckDB's error as one line, with the line and column that it is about."""
    kind, _, rest = str(error).partition(": ")
    try:
        told = json.loads(rest)
    except ValueError:
        told = {"exception_message": rest or kind}
    said = " ".join(str(told.get("exception_message", "")).split())
    if told.get("error_subtype") == "MISSING_ENTRY" and told.get("type") == "Table":
        name, known = str(told.get("name")), _names(connection)
        hint = nearest(name, known) or ": `show tables` lists those there are"
        said = f"there is no table {name}{hint}"
    if told.get("exception_type") == "Permission":
        said += ": a query reads the lake's tables and nothing else"
    where = ""
    if str(told.get("position", "")).isdecimal():
        before = sql.encode()[: int(told["position"])].decode(errors="ignore")  # DuckDB counts bytes
        where = f" (line {before.count(chr(10)) + 1}, column {len(before.rpartition(chr(10))[2]) + 1})"
    return BadQuery(f"the query is wrong{where}: {said}")


def _names(connection: "DuckDBPyConnection") -> list[str]:
    return [name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]


def _tables(connection: "DuckDBPyConnection", files: Sequence[File]) -> None:
    """Make the tables and views. Raises BadLake."""
    import duckdb

    try:
        about = _about(connection, files)
        latest = _latest(files, about)
        for table in TABLES:
            own = [file for file in files if file.table == table]
            _table(connection, table, own)
            _table(connection, f"latest_{table}", [file for file in own if file in latest])
        _kinds(connection, [file for file in latest if file.table == "resources"], about)
    except duckdb.Error as error:
        told = str(error).partition(": ")[2]
        with contextlib.suppress(ValueError):
            told = json.loads(told)["exception_message"]
        raise BadLake(f"the lake cannot be read: {' '.join(told.split())}") from None


def _about(connection: "DuckDBPyConnection", files: Sequence[File]) -> dict[Path, dict[str, str]]:
    """What each file says of itself, once it is known that it is of our lake and of our version. Raises BadLake."""
    connection.execute("SET VARIABLE files = $1", [[str(file.path) for file in files]])
    about: dict[Path, dict[str, str]] = {file.path: {} for file in files}
    asked = connection.execute("SELECT file_name, key, value FROM parquet_kv_metadata(getvariable('files'))")
    for name, key, value in asked.fetchall():
        about[Path(name)][bytes(key).decode()] = bytes(value).decode()
    for file in files:
        own = about[file.path]
        if LAKE not in own:
            raise BadLake(f"{file.name} is not a file of auditor's lake: move it elsewhere")
        if own[LAKE] != str(VERSION):
            newer = own[LAKE].isdecimal() and int(own[LAKE]) > VERSION
            mend = "query it with that one or a newer one" if newer else "write its run again: `auditor report --lake`"
            raise BadLake(
                f"{file.name} has lake schema {own[LAKE]} (auditor {own.get(TOOL, 'unknown')}), and this auditor reads "
                f"{VERSION}: {mend}"
            )
    return about


def _latest(files: Sequence[File], about: dict[Path, dict[str, str]]) -> list[File]:
    """The files of each account's last run: one run may have several, where an account was read in parts."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    for file in files:
        own = about[file.path]
        key = (file.table, file.account)
        last[key] = max(last.get(key, ("", "")), (own[COLLECTED], own[RUN]))
    return [file for file in files if about[file.path][RUN] == last[file.table, file.account][1]]


def _table(connection: "DuckDBPyConnection", name: str, files: Sequence[File]) -> None:
    columns = COLUMNS[name.removeprefix("latest_")]
    if not files:
        declared = ", ".join(f'"{column.name}" {SQL_TYPES[column.type]}' for column in columns)
        connection.execute(f'CREATE TABLE {name} ({declared}, "date" VARCHAR)')
        return
    connection.execute(f"SET VARIABLE {name}_files = $1", [[str(file.path) for file in files]])
    # Athena's timestamps have no zone either: all of ours are UTC.
    chosen = ", ".join(
        f"\"{column.name}\" AT TIME ZONE 'UTC' AS \"{column.name}\"" if column.type == "timestamp"
        else f'"{column.name}"'
        for column in columns
    )  # fmt: skip
    connection.execute(
        f"CREATE VIEW {name} AS SELECT {chosen}, \"date\" FROM read_parquet(getvariable('{name}_files'), "
        "hive_partitioning = true, hive_types = {'account': VARCHAR, 'date': VARCHAR})"
    )


def _kinds(connection: "DuckDBPyConnection", files: Sequence[File], about: dict[Path, dict[str, str]]) -> None:
    """A view of each resource type that a last run looked for: the newest run's idea of its columns."""
    kinds: dict[str, dict[str, str]] = {}
    for own in sorted((about[file.path] for file in files), key=lambda own: own[COLLECTED]):
        kinds |= json.loads(own.get(KINDS, "{}"))
    common = [column.name for column in COLUMNS["resources"]] + ["date"]
    for kind, fields in sorted(kinds.items()):
        columns = [f'"{name}"' for name in common if name not in ("type", "kind", "properties")]
        columns += [
            _property(name, kind_of) + f' AS "{name}{"_" if name in common else ""}"'
            for name, kind_of in fields.items()
        ]
        connection.execute(
            f"CREATE VIEW \"{kind}\" AS SELECT {', '.join(columns)} FROM latest_resources WHERE kind = '{kind}'"
        )


def _property(name: str, kind: str) -> str:
    if kind == "JSON":
        return f"json_extract(properties, '$.{name}')"
    return f"TRY_CAST(json_extract_string(properties, '$.{name}') AS {kind})"
