# `make run` and `make test` need Python 3.11 or newer, make, and a package registry within reach. Nothing else.
# Paths are relative throughout: the folder's own name may hold spaces.

PYTHON ?= python3
VENV = .venv/bin/python
PIP_INSTALL = $(VENV) -m pip install --quiet --disable-pip-version-check --require-hashes

# What the tests of deploy/nginx.conf, of rates in a Redis and of PgBouncer need; Debian hides some from who is not root.
NGINX = $(shell PATH="$$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin" command -v nginx)
REDIS = $(shell PATH="$$PATH:/opt/homebrew/bin" command -v redis-server)
PGBOUNCER = $(and $(wildcard /usr/lib/postgresql/*/bin/pg_basebackup),$(shell PATH="$$PATH:/usr/sbin" command -v pgbouncer))

# These cover no line that others do not, and wait more than they work.
ROUGH = tests/faults tests/test_bad_input.py tests/contract/test_schemathesis.py

# These have targets of their own.
CLIENTS = tests/clients tests/test_http_file.py
DEPLOYMENT = tests/test_deployment.py tests/test_backup.py tests/test_pgbouncer.py

# What the tests in a browser need.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

FLASK = $(VENV) -m flask --app src/mediatheque

.PHONY: run serve test test-deployment test-clients test-browser test-faults bench lock docs

run: .venv/run .env  ## Serve on http://127.0.0.1:8080; PORT=9000 and HOST=0.0.0.0 move it.
	@$(FLASK) start

serve: .venv/run  ## Serve in production: see docs/operations.md.
	@$(FLASK) serve

test: .venv/test  ## Everything that must be green.
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@$(VENV) -m pytest --numprocesses auto --cov --cov-report=term $(addprefix --ignore ,$(ROUGH)) \
		$(addprefix --ignore ,$(CLIENTS) $(DEPLOYMENT)) --ignore tests/browser \
		$(if $(REDIS),,--ignore tests/kit/test_redis.py)
	@$(VENV) -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) $(ROUGH) \
		$(if $(NGINX),,--ignore tests/faults/test_nginx.py)
	@$(VENV) -m pytest --numprocesses auto --driver psycopg2 --ignore tests/kit/test_postgres.py \
		--ignore tests/kit/test_redis.py --ignore tests/contract/test_schemathesis.py --ignore tests/contract/test_plans.py \
		--ignore tests/contract/test_openapi.py --ignore tests/contract/test_access.py \
		tests/auth tests/library tests/contract tests/kit
	@$(if $(NGINX),,echo "deploy/nginx.conf was not tested, for want of nginx: apt install nginx-light, or brew install nginx.")
	@$(if $(REDIS),,echo "Rates in a Redis were not tested, for want of one: apt install redis-server, or brew install redis.")

test-deployment: .venv/test  ## Containers, a backup that is put back, PgBouncer, a fail-over.
	@$(VENV) -m pytest $(DEPLOYMENT) $(if $(PGBOUNCER),,--ignore tests/test_pgbouncer.py)
	@$(if $(PGBOUNCER),,echo "PgBouncer and fail-over were not tested, for want of one: apt install postgresql pgbouncer (on Debian).")

test-clients: .venv/test tests/clients/node_modules/done  ## The Postman collection, in newman and in Insomnia's importer.
	@$(VENV) -m pytest $(CLIENTS)

test-browser: .venv/browser  ## The page in a real browser; brings docs/images/ up to date.
	@$(if $(CHROMIUM),,$(INSTALL_CHROMIUM))
	@CHROMIUM="$(CHROMIUM)" $(VENV) -m pytest --numprocesses auto tests/browser

test-faults: .venv/test  ## The faults with their full figures, in a quarter of an hour: docs/reliability.md.
	@$(if $(NGINX),,echo "nginx is missing: apt install nginx-light, or brew install nginx." >&2; exit 1)
	@$(VENV) -m pytest tests/faults --full

bench: .venv-bench/done  ## Measure beside the limits and a peer: docs/benchmarks.md. ONLY=one,page measures a part.
	@PYTHONPATH=src:tests .venv-bench/bin/python -m benchmarks.run $(if $(ONLY),--only $(ONLY))

lock: .venv/test  ## Bring the locked requirements to the newest versions.
	@$(VENV) -m uv pip compile --quiet --universal --generate-hashes --upgrade pyproject.toml -o requirements.txt
	@$(VENV) -m uv pip compile --quiet --universal --generate-hashes --upgrade pyproject.toml --group dev \
		-o requirements-dev.txt
	@$(VENV) -m uv pip compile --quiet --universal --generate-hashes --upgrade --constraint requirements-dev.txt \
		tests/browser/requirements.in -o tests/browser/requirements.txt
	@$(VENV) -m uv pip compile --quiet --universal --generate-hashes --upgrade --constraint requirements.txt \
		pyproject.toml tests/benchmarks/requirements.in -o tests/benchmarks/requirements.txt

docs: .venv/test  ## Write what is generated: openapi.json, the Postman collection, data-model.md's diagram, settings, .env.sample.
	@$(FLASK) openapi write docs/openapi.json
	@$(VENV) docs/postman.py
	@PYTHONPATH=src $(VENV) docs/data_model.py
	@PYTHONPATH=src $(VENV) docs/settings.py

.env: | .env.sample .venv/run
	@$(VENV) -c 'import pathlib, secrets; \
		sample = pathlib.Path(".env.sample").read_text(); \
		pathlib.Path(".env.new").touch(mode=0o600); \
		pathlib.Path(".env.new").write_text(sample.replace("JWT_SECRET_KEY=", "JWT_SECRET_KEY=" + secrets.token_hex(32)))'
	@mv .env.new .env

.venv/run: requirements.txt
	@$(call make_venv)
	@$(PIP_INSTALL) -r requirements.txt
	@touch .venv/run

.venv/test: requirements-dev.txt
	@$(call make_venv)
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch .venv/test

tests/clients/node_modules/done: tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: apt install npm, or brew install node." >&2; exit 1; }
	@cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.venv/browser: tests/browser/requirements.txt .venv/test
	@$(PIP_INSTALL) -r tests/browser/requirements.txt
	@touch .venv/browser

.venv-bench/done: tests/benchmarks/requirements.txt | .venv/run
	@$(VENV) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch .venv-bench/done

define INSTALL_CHROMIUM
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing chromium …"; apt-get update -qq && apt-get install -qq --no-install-recommends chromium >/dev/null; \
else \
	echo "chromium is missing: apt install chromium, or name a browser like it: CHROMIUM=/usr/bin/google-chrome." >&2; exit 1; \
fi
endef

define make_venv
command -v "$(PYTHON)" >/dev/null || { \
	echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: PYTHON=python3.12 make" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Mediatheque needs Python 3.11 or newer; this is $$("$(PYTHON)" -V). Name another: PYTHON=python3.12 make" >&2; \
	exit 1; }; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
echo "Installing the requirements into .venv …"; \
clear=; [ ! -e .venv/bin/python ] || $(VENV) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || clear=--clear; \
"$(PYTHON)" -m venv $$clear .venv
endef
