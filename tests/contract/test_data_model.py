"""docs/data-model.md describes the models as they are."""

import re
import runpy

import pytest

from mediatheque import config
from mediatheque.kit.models import Base

DOCS = config.ROOT / "docs"


@pytest.fixture(scope="module")
def document():
    return (DOCS / "data-model.md").read_text(encoding="utf-8")


def test_the_diagram_is_that_of_the_models(document):
    rendered = runpy.run_path(str(DOCS / "data_model.py"))["rendered"]
    assert document == rendered(document), "docs/data-model.md is stale: make docs"


def test_each_table_is_described_column_by_column(document):
    sections = re.split(r"^## (\w+)$", document, flags=re.MULTILINE)
    described = {
        name: [column for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for column in cell.split(", ")]
        for name, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert described == {
        table.name: [f"`{column.name}`" for column in table.columns] for table in Base.metadata.tables.values()
    }
