# The pipeline as an image: Airflow from the hashed locks, the DAGs, the plugins, the package, the tools.
#
#   LOCKS       the lock files that are installed, with spaces between. Of a fleet: "requirements.txt requirements-fleet.txt", on
#               GPUs with requirements-gpu.txt as well (and KERAS_BACKEND=jax); of its API server: "requirements-control.txt"
#   COMMIT      what lineage of runs names: git describe --always --dirty --abbrev=12 --exclude='*'
#   BASE_IMAGE  any image with Python 3.11 to 3.13 and its venv module
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${BASE_IMAGE}

USER root
WORKDIR /opt/cdiscount

# The official image has this user; another base gets it, in the same group 0.
RUN id -u 50000 >/dev/null 2>&1 || useradd --uid 50000 --gid 0 --create-home airflow

# An environment of its own: what the base holds (Airflow at other versions, perhaps) is left as it is. Byte code is
# compiled here, for the user at run time may not write it. The pip that installs it is removed in the same step.
COPY requirements*.txt locks/
ARG LOCKS=requirements.txt
RUN python3 -m venv --without-pip .venv \
    && python3 -m venv /tmp/installer \
    && cd locks \
    && for lock in ${LOCKS}; do set -- "$@" --requirement "${lock}"; done \
    && PIP_USER=0 /tmp/installer/bin/python -m pip --python /opt/cdiscount/.venv/bin/python \
        install --no-cache-dir --require-hashes --no-deps --only-binary=:all: "$@" \
    && rm -r /tmp/installer

COPY pools.json ./
COPY include/samples include/samples
COPY cdiscount_tasks cdiscount_tasks
COPY plugins plugins
COPY dags dags
# What the make targets call: python -m tools.champion, tools.verify, tools.clean_up.
COPY tools tools
# Written at run time: by the user 50000, and by any other id in group 0, as OpenShift draws one for each project.
RUN mkdir -p airflow/logs data home include/reports include/label_fixes input \
    && chown -R 50000:0 airflow data home include/reports include/label_fixes \
    && chmod -R g+rwX airflow data home include/reports include/label_fixes

# An id without a name has no home and no login either: Airflow wants both.
ENV PATH=/opt/cdiscount/.venv/bin:$PATH \
    PYTHONPATH=/opt/cdiscount \
    PYTHONUNBUFFERED=1 \
    HOME=/opt/cdiscount/home \
    USER=airflow \
    LOGNAME=airflow \
    AIRFLOW_HOME=/opt/cdiscount/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/cdiscount/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/cdiscount/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    TF_CPP_MIN_LOG_LEVEL=3

ARG BASE_IMAGE
ARG COMMIT=
ENV CDISCOUNT_COMMIT=${COMMIT}
LABEL org.opencontainers.image.title="Cdiscount classifiers" \
      org.opencontainers.image.description="Image classifiers from Cdiscount's catalogue, by Apache Airflow" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

USER 50000:0
# What is in it, and whether this user can write what is mounted. A fleet names a command: airflow scheduler, ...
CMD ["python", "-m", "tools.deploy.about"]
