# The pipeline as an image: Airflow from the hashed lock, the DAGs, the plugins and the package.
# BASE_IMAGE may be any image with Python 3.11 to 3.13 and its venv module.
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${BASE_IMAGE}

USER root
WORKDIR /opt/cdiscount

# The official image has this user; another base gets it, in the same group 0.
RUN id -u 50000 >/dev/null 2>&1 || useradd --uid 50000 --gid 0 --create-home airflow

# An environment of its own: what the base holds (Airflow at other versions, perhaps) is left as it is. Byte code is
# compiled here, for the user at run time may not write it.
COPY requirements.txt ./
RUN python3 -m venv .venv \
    && PIP_USER=0 .venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary=:all: -r requirements.txt

COPY pools.json ./
COPY include/samples include/samples
COPY cdiscount_tasks cdiscount_tasks
COPY plugins plugins
COPY dags dags
# What the make targets call: python -m tools.champion, tools.verify, tools.clean_up.
COPY tools tools
RUN mkdir -p airflow data include/reports include/label_fixes \
    && chown 50000:0 airflow data include/reports include/label_fixes \
    && chmod g+rwX airflow data include/reports include/label_fixes

ENV PATH=/opt/cdiscount/.venv/bin:$PATH \
    PYTHONPATH=/opt/cdiscount \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/cdiscount/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/cdiscount/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/cdiscount/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    TF_CPP_MIN_LOG_LEVEL=3

USER 50000:0
