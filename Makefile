# One line each over tools/. Variables of the environment hold for all; GNU make 3.81 (as on macOS) is enough.

.DEFAULT_GOAL := help
.PHONY: help setup demo test campaigns bench pictures up down run compare compare-runs predict champion export clean-up \
	mlflow mlflow-server environments fleet fleet-test objects backup restore dags lint types verify lock check quick env image \
	deploy-test image-test sbom
PY := .venv/bin/python
# A test and the processes that it starts keep their bytecode, or each of them compiles the project again. A file's tests
# stay together, since they share what is made for them, and the files that take longest begin first (tests/conftest.py).
# Each worker has its core: threads of linear algebra that wait for each other cost a third more CPU time.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n logical --dist loadfile --no-loadscope-reorder
# What another Python project left in the shell would be loaded in place of the locked packages.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONOPTIMIZE PYTHONWARNINGS PYTHONINSPECT
export PYTHONUTF8 := 1
# Marks of tests that need programs or environments of their own: each has a target of its own.
WITHIN := not mlflow and not beside and not fleet and not deploy and not image

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

setup: ## .venv with the packages of the hashed locks (PYTHON=... chooses the Python)
	@sh tools/setup/setup.sh

demo: setup ## both samples through a real Airflow on a drawn catalogue; prints the reports' paths
	@$(PY) -m tools.demo.demo

objects: setup ## .venv-objects: a server of S3's protocol on loopback, for tests of storage in a bucket
	@$(PY) -m tools.setup.beside .venv-objects tests/material/object_server.txt

test: objects ## all tests (ARGS="-k words" chooses)
	@$(PYTEST) -m "$(WITHIN)" $(ARGS)

check: setup ## lint, types and the quick tests: no Airflow, no browser, no training
	@$(MAKE) --no-print-directory -j 3 lint types quick

quick: objects
	@$(PYTEST) -m "not airflow and not browser and not training and not slow and $(WITHIN)" $(ARGS)

campaigns: mlflow mlflow-server objects environments ## the random tests with 40 times as many cases (CDISCOUNT_TEST_SCALE=... chooses), a real MLflow, a fleet, tests marked beside (PostgreSQL, ONNX, lineage)
	@CDISCOUNT_TEST_SCALE=$${CDISCOUNT_TEST_SCALE:-40} $(PY) -m pytest tests/cdiscount_tasks tests/examples tests/laws tests/tools/mlflow \
		tests/plugins/cdiscount_airflow/test_lineage.py tests/tools/backup/test_database_on_postgresql.py tests/benchmarks/test_tiny.py $(ARGS)
	@$(MAKE) --no-print-directory fleet-test ARGS=

bench: setup ## speed: index, labels, training, report, DAG files; prints a table (ARGS="--only index --gb 1")
	@$(PY) -m benchmarks $(ARGS)

pictures: setup ## docs/pictures of Airflow's UI, made by the tests that use it in a browser
	@CDISCOUNT_PICTURES=docs/pictures $(PY) -m pytest tests/whole/airflow_ui

up: setup ## Airflow's UI on 127.0.0.1:8080; prints the password
	@$(PY) -m tools.airflow.up

down: setup ## stops it
	@$(PY) -m tools.airflow.down

run: setup ## one DAG run in one process: SAMPLE=wine PRESET=smoke CONF='{"epochs": 3}'
	@$(PY) -m tools.run

compare: setup ## samples beside each other in one process: CONF='{"samples": ["wine", "mixed_bag"]}'
	@$(PY) -m tools.compare

compare-runs: setup ## two runs of a sample side by side: SAMPLE=wine RUNS="manual__1 manual__2"
	@$(PY) -m tools.compare_runs

predict: setup ## a champion's answers to a file: SAMPLE=wine CATALOGUE=test.bson (PRECISION=95|99|none MODEL=<run id>)
	@$(PY) -m tools.predict

champion: setup ## a sample's model in use, and how it became so: SAMPLE=wine (BACK_TO=3 REASON="..." rolls back)
	@$(PY) -m tools.champion

export: setup ## the model in use as a file for programs without Keras: SAMPLE=wine FORMAT=onnx (or litert)
	@$(PY) -m tools.export

mlflow: setup ## .venv-mlflow, for CDISCOUNT_MLFLOW; where that is set, brings MLflow up to date with every registry
	@$(PY) -m tools.setup.beside .venv-mlflow requirements-mlflow.txt && $(PY) -m tools.mlflow.mirror

mlflow-server: setup # a real server for the tests marked mlflow: 0.6 GB
	@$(PY) -m tools.setup.beside .venv-mlflow-server tests/material/mlflow_server.txt

environments: setup # for the tests marked beside: what writes ONNX files, all that each example needs, the hub's client, lineage
	@$(PY) -m tools.setup.beside .venv-export requirements-export.txt && \
		$(PY) -m tools.setup.beside .venv-onnx tests/material/onnx_alone.txt && \
		$(PY) -m tools.setup.beside .venv-litert tests/material/litert_alone.txt && \
		$(PY) -m tools.setup.beside .venv-hub tests/material/hub.txt && \
		$(PY) -m tools.setup.beside .venv-lineage requirements-lineage.txt

env: ## deploy/compose/.env, with secrets drawn at random: INPUT=/folder/with/the/bson/file GPUS=1
	@"$$(sh tools/setup/find_python.sh)" -m tools.deploy.environment_file

image: ## the images of deploy/compose, by Docker: with the packages for GPUs if its .env says so
	@docker compose version >/dev/null 2>&1 || { echo "docker compose is missing: install it, or see deploy/README.md"; exit 1; }
	@COMMIT=$$(git describe --always --dirty --abbrev=12 --exclude='*') \
		docker compose --file deploy/compose/docker-compose.yaml build

deploy-test: setup ## deploy/ against Docker Compose, podman-compose (needs podman) and Kubernetes' schemas
	@$(PY) -m tools.setup.beside .venv-deploy tests/material/deploy_checks.txt && \
		$(PY) -m tools.setup.beside .venv-control requirements-control.txt && \
		$(PY) -m tools.setup.beside .venv-sbom requirements-sbom.txt && $(PY) -m pytest tests/deploy tests/tools/deploy -m deploy $(ARGS)

image-test: setup ## the images built with buildah and run as two users: root, Debian, 12 GB of disk, 15 minutes
	@$(PY) -m pytest tests/deploy -m image -o log_cli=true -o log_cli_level=INFO $(ARGS)

sbom: setup ## sbom/: the packages of each image as CycloneDX lists
	@$(PY) -m tools.setup.beside .venv-sbom requirements-sbom.txt && $(PY) -m tools.deploy.sbom

fleet: setup ## .venv-fleet: the pipeline on PostgreSQL, with Celery; 2.8 GB
	@$(PY) -m tools.setup.beside .venv-fleet requirements.txt requirements-fleet.txt

fleet-test: fleet ## a fleet on this machine, with kills and restarts: needs Debian's postgresql and redis-server
	@env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -m fleet $(ARGS) tests/tools/fleet tests/whole/fleet

clean-up: setup ## what of the data nothing needs, with sizes (REMOVE=1 removes it; CDISCOUNT_KEEP_RUNS=10)
	@$(PY) -m tools.clean_up

backup: setup ## registries with their champions, reports, label fixes, database: TO=/mnt/backups (DATABASE=no)
	@$(PY) -m tools.backup.backup

restore: setup ## what a back-up holds, into empty places: FROM=/mnt/backups/cdiscount-....tar (DATABASE=no)
	@$(PY) -m tools.backup.restore

lint: setup ## ruff with its Airflow rules, and every sample's YAML
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m tools.check_samples

dags: setup ## docs/dags.md from the DAG files
	@$(PY) -m tools.airflow.list_dags

types: setup ## mypy, strict
	@$(PY) -m mypy

verify: setup ## the hashes of all artifacts and reports
	@$(PY) -m tools.verify

lock: setup ## requirements*.txt and those of tests/material/ from their .in (UPGRADE=1: the newest versions)
	@# 3.11 is the lowest version: a lock made for 3.12 would hold no NumPy that runs on 3.11.
	@for name in requirements requirements-dev requirements-gpu requirements-fleet requirements-control requirements-sbom \
			requirements-export requirements-lineage requirements-mlflow \
			tests/material/deploy_checks tests/material/hub tests/material/mlflow_server tests/material/object_server tests/material/onnx_alone \
			tests/material/litert_alone; do \
		$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
			$$name.in -o $$name.txt || exit 1; \
	done
