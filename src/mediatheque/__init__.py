"""Mediatheque: a REST API for people who own books, movies, shows and music and lose track of them."""

from collections.abc import Mapping

from flask import Flask
from sqlalchemy import event

from mediatheque import cli, config, docs, errors, models
from mediatheque.auth import auth
from mediatheque.extensions import bcrypt, db, jwt, ma, migrate
from mediatheque.kit import exports, logs, postgres
from mediatheque.kit.openapi import Api, IdConverter
from mediatheque.library import books, collections, formats, genres, movie_formats, movies

__all__ = ["create_app", "models"]


def create_app(settings: Mapping[str, str] | None = None) -> Flask:
    """The application. *settings* come before the environment and have its names.

    Raises SettingError, a sentence, for a setting that cannot be used. Connects to nothing yet.
    """
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(config.load(settings))
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = IdConverter

    db.init_app(app)
    ma.init_app(app)
    bcrypt.init_app(app)
    jwt.init_app(app)
    migrate.init_app(app, db, directory=str(config.ROOT / "src/mediatheque/migrations"))
    if instance := app.config["EMBEDDED_INSTANCE"]:
        with app.app_context():
            for engine in db.engines.values():
                event.listen(engine, "do_connect", lambda *_: postgres.start(instance))

    logs.init_app(app)
    exports.init_app(app)
    errors.init_app(app)
    api = Api(app)
    for resource in (auth, collections, books, movies, formats, movie_formats, genres):
        api.register_blueprint(resource.blueprint)
    docs.init_app(app, api)
    cli.init_app(app)
    return app
