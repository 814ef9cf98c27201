"""Whether the process answers, and whether it can do its work: what a load balancer asks."""

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from flask import Response
from marshmallow import fields
from sqlalchemy import column, literal_column, select, table

from mediatheque.errors import problem
from mediatheque.extensions import db
from mediatheque.kit import wire
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.schemas import StrictSchema
from mediatheque.kit.statements import Query, read

blueprint = Blueprint("health", __name__, url_prefix="/health", description="For load balancers.")

_ANSWERS = Query(lambda: select(literal_column("1")))
_REVISION = Query(lambda: select(column("version_num")).select_from(table("alembic_version")))


class HealthSchema(StrictSchema):
    status = fields.String(required=True)


@lru_cache
def newest_revision() -> str:
    """The revision of the newest migration."""
    return str(ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head())


@blueprint.route("/live")
@blueprint.public
@blueprint.needs_no_database
@blueprint.response(200, HealthSchema)
def get_live() -> Response:
    """Whether the process answers, whatever its database does."""
    return wire.answer({"status": "alive"})


@blueprint.route("/ready")
@blueprint.public
@blueprint.response(200, HealthSchema)
def get_ready() -> Response:
    """Whether the database answers, and has the tables of this program."""
    read(lambda source: _ANSWERS.rows(source, {}))
    revisions = _REVISION.rows(db.session.connection(), {})
    if revisions != [(newest_revision(),)]:
        return problem(503, "The tables are not those of this program: flask db create makes them.")
    return wire.answer({"status": "ready"})
