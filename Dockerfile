ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
WORKDIR /opt/sync-hostaway
# Before the code, so that a change of the code leaves this layer, the slow one, alone.
COPY requirements.txt ./
RUN pip install --require-hashes --requirement requirements.txt
COPY . .
# Compiled here because the process that runs the code may not write beside it.
RUN pip install --no-deps --editable . \
    && mkdir -p plugins \
    && python -m compileall -q dags include plugins

FROM python:${PYTHON_VERSION}-slim
# GitDagBundle needs "git openssh-client".
ARG EXTRA_APT_PACKAGES=""
RUN if [ -n "${EXTRA_APT_PACKAGES}" ]; then \
      apt-get update && apt-get install --yes --no-install-recommends ${EXTRA_APT_PACKAGES} \
      && rm -rf /var/lib/apt/lists/*; \
    fi
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    SYNC_HOSTAWAY_HOME=/var/lib/sync-hostaway \
    DO_NOT_TRACK=1 \
    SCARF_ANALYTICS=false \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false
# The user id and group that the Airflow Helm chart expects. A new volume takes the owner of the folder it covers.
RUN useradd --uid 50000 --gid 0 --home-dir "$AIRFLOW_HOME" --create-home airflow \
    && install -d -o airflow -g 0 -m 0775 \
      "$AIRFLOW_HOME/auth" "$AIRFLOW_HOME/logs" "$SYNC_HOSTAWAY_HOME" "$SYNC_HOSTAWAY_HOME/accounts" \
    # Without a file, every process would write one with all of Airflow's defaults.
    && echo "# Empty on purpose: environment variables configure Airflow." > "$AIRFLOW_HOME/airflow.cfg"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/sync-hostaway /opt/sync-hostaway
# For a container whose AIRFLOW_HOME is a temporary file system.
RUN cp "$AIRFLOW_HOME/airflow.cfg" /opt/sync-hostaway/airflow.cfg
WORKDIR /opt/sync-hostaway
USER 50000:0
# Parsed once here, instead of in every container that reads the Dags.
RUN python -c "from sync_hostaway.transforms import ensure_manifest; ensure_manifest()"
CMD ["airflow", "version"]
