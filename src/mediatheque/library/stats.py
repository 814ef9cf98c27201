"""/stats: the library in numbers."""

from flask import Response

from mediatheque.kit import wire
from mediatheque.kit.blueprint import Blueprint
from mediatheque.kit.pages import Parameters
from mediatheque.kit.statements import read
from mediatheque.library import counts
from mediatheque.library.queries import BOOKS
from mediatheque.library.schemas import StatsSchema

blueprint = Blueprint("stats", __name__, url_prefix="/stats", description="The library in numbers.", single=True)

PARAMETERS = Parameters.with_members({name: BOOKS.selection[name] for name in ("collection_id", "user_id")})


@blueprint.route("")
@blueprint.public
@blueprint.takes(PARAMETERS)
@blueprint.response(200, StatsSchema)
def get_stats() -> Response:
    """Count books and movies by genre, format, year, length and the month they were added in."""
    chosen = PARAMETERS.read()
    return wire.tagged(read(lambda source: counts.stats(source, chosen)))
