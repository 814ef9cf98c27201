"""Writes the diagram in docs/data-model.md from the models: ``make docs``."""

from pathlib import Path

from sqlalchemy import Column, Table, make_url

import mediatheque.models  # noqa: F401 - so that the tables are all there
from mediatheque.kit.models import Base

DOCUMENT = Path(__file__).with_name("data-model.md")
BEGIN, END = "<!-- diagram: make docs writes it -->\n", "<!-- end of the diagram -->\n"

POSTGRESQL = make_url("postgresql+psycopg://").get_dialect()()
# A type is one word in mermaid.
SHORT = {"TIMESTAMP WITH TIME ZONE": "timestamptz"}


def kind(column: Column[object]) -> str:
    """The column's type, as PostgreSQL calls it, in one word."""
    name = column.type.compile(dialect=POSTGRESQL).partition(" COLLATE")[0]
    return SHORT.get(name, name.lower())


def attribute(table: Table, column: Column[object]) -> str:
    unique = any(index.unique and column in index.columns.values() for index in table.indexes)
    keys = {"PK": column.primary_key, "FK": bool(column.foreign_keys), "UK": unique}
    remarks = {"generated": column.computed is not None, "may be null": bool(column.nullable)}
    words = [kind(column), column.name, ", ".join(key for key, there in keys.items() if there)]
    remark = ", ".join(remark for remark, there in remarks.items() if there)
    return " ".join(word for word in (*words, f'"{remark}"' if remark else "") if word)


def diagram() -> str:
    """The tables and their relations in mermaid's language."""
    lines = ["```mermaid", "erDiagram"]
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                one = "|o" if column.nullable else "||"
                lines.append(f'    {key.column.table.name} {one}--o{{ {table.name} : "{column.name}"')
    for table in Base.metadata.sorted_tables:
        lines.append(f"    {table.name} {{")
        lines += [f"        {attribute(table, column)}" for column in table.columns]
        lines.append("    }")
    return "\n".join([*lines, "```\n"])


def rendered(document: str) -> str:
    """*document* with today's diagram between its two markers."""
    before, _, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{DOCUMENT} has lost the markers around its diagram.")
    return f"{before}{BEGIN}{diagram()}{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
