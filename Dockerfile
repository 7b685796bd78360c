# One image. The command says what it does: `run public`, `run internal`, `db upgrade`, or any of staff's.
# It needs no writable disk: docker run --read-only IMAGE
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS environment
WORKDIR /srv/wriveted
COPY pyproject.toml poetry.lock README.md ./
COPY scripts/install scripts/
RUN mkdir app && touch app/__init__.py && scripts/install --production

FROM ${PYTHON_IMAGE}
ENV PATH=/srv/wriveted/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/wriveted
COPY --from=environment /srv/wriveted/.venv .venv
COPY alembic.ini pyproject.toml ./
COPY alembic alembic
COPY app app
RUN python -m compileall -q app alembic
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/livez', timeout=2)"]
ENTRYPOINT ["wriveted"]
CMD ["run", "public", "--host", "0.0.0.0"]
