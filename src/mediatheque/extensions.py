"""The extensions, unbound; create_app binds them."""

from flask_bcrypt import Bcrypt
from flask_jwt_extended import JWTManager
from flask_marshmallow import Marshmallow
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from mediatheque.kit.models import Base

db = SQLAlchemy(metadata=Base.metadata)
ma = Marshmallow()
bcrypt = Bcrypt()
jwt = JWTManager()
migrate = Migrate()
