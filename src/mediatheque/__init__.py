"""Mediatheque: a REST API for people who own books, movies, shows and music and lose track of them."""

from collections.abc import Mapping
from datetime import timedelta

from flask import Flask
from flask_cors import CORS
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

from mediatheque import cli, config, docs, errors, health, models
from mediatheque.auth import auth, me
from mediatheque.extensions import bcrypt, db, jwt, ma, migrate
from mediatheque.kit import exports, headers, logs, postgres, rates, watch
from mediatheque.kit.openapi import Api, IdConverter
from mediatheque.library import books, collections, formats, genres, movie_formats, movies, stats
from mediatheque.web import page

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
    watch.init_app(app)

    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    rates.init_app(app)
    logs.init_app(app)
    headers.init_app(app)
    if origins := app.config["CORS_ORIGINS"]:
        exposed = ["ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-ID", "X-Total-Count"]
        CORS(app, origins=origins, expose_headers=exposed, max_age=timedelta(hours=1))
    exports.init_app(app)
    errors.init_app(app)
    api = Api(app)
    for resource in (auth, me, collections, books, movies, formats, movie_formats, genres, stats, health):
        api.register_blueprint(resource.blueprint)
    docs.init_app(app, api)
    app.register_blueprint(page.blueprint)
    cli.init_app(app)
    return app
