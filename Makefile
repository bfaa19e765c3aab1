# Each target sets up what it needs, in .venv; a fresh machine needs Python 3.11, pip and make.
# `make` and `make help` print these lines.
# `make test` takes ffmpeg, PostgreSQL, Prometheus and Chromium besides, `make fleet-demo` PostgreSQL and Prometheus: from
# Debian's packages where they are missing.
#
#   make blur                    blur a sample clip that is made on the spot
#   make blur IN=dir OUT=dir     blur your own videos
#   make review                  a page on which people check and correct the result
#   make review IN=dir OUT=dir   the same for your own videos and their outputs
#   make serve                   run the function on this machine, port 8080
#   make fleet-demo              three workers share ten clips on this machine, and one of them is killed
#   make test                    run every test
#   make bench                   videos here, against deface and a bare transcode, in turn on one clip
#   make bench BENCH=steps       what each step costs for one frame
#   make bench BENCH=function    how fast the function is, and which stage bounds it
#   make bench BENCH=scale       how well the driver uses many workers
#   make bench BENCH=fleet       what a fleet costs its workers, and how soon a killed one's video is taken over
#   make lint                    ruff, mypy, and the schema of the workflows
#   make manifests               write the resources in deploy/ that have a source
#   make pipeline                compile the pipeline for Kubeflow, to pipeline.yaml

PYTHON ?= python3
IN ?= sample
OUT ?= blurred
ARGS ?=
BENCH ?= pipeline
BIN := .venv/bin
APT := $(if $(filter 0,$(shell id -u)),,sudo )env DEBIAN_FRONTEND=noninteractive apt-get
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help blur review serve fleet-demo test bench lint manifests pipeline clean
.DELETE_ON_ERROR:

# The comment at the top of this file.
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

ifeq ($(origin IN), file)
blur: sample/astronaut.mp4
endif
blur: .venv/run.done
	@echo "The result will be in $(OUT)/"
	$(BIN)/faceblur run "$(IN)" --output "$(OUT)" $(ARGS)

review: .venv/review.done
	$(BIN)/faceblur review "$(IN)" "$(OUT)" $(ARGS)

serve: .venv/run.done
	$(BIN)/faceblur serve $(ARGS)

fleet-demo: .venv/sample.done
	@{ command -v prometheus && ls /usr/lib/postgresql/*/bin/pg_ctl; } >/dev/null 2>&1 \
		|| { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends postgresql prometheus; }
	@$(BIN)/python -m examples.fleet_demo

test: .venv/dev.done
	@# Where PYTHONDONTWRITEBYTECODE is set, each process that a test starts would compile faceblur's modules again.
	@$(BIN)/python -m compileall -q driver function examples
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/dev.done
	$(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

lint: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

pipeline: .venv/pipeline.done
	.venv/pipeline/bin/python deploy/pipeline/faceblur_pipeline.py pipeline.yaml

manifests: .venv/run.done
	$(BIN)/python -m faceblur.detection.deployment.write_manifests

sample/astronaut.mp4: .venv/sample.done examples/sample_clip.py
	$(BIN)/python examples/sample_clip.py $@

# Some systems have Python without ensurepip: virtualenv brings its own pip.
.venv/bin/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; $(PYTHON) -m pip install --quiet --user virtualenv && $(PYTHON) -m virtualenv .venv; }

.venv/run.done: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing faceblur's packages into .venv: 0.9 GB on the disk. This takes a minute or more, once."
	$(INSTALL) --editable .
	$(BIN)/python -m faceblur_function.weights retinaface-mobilenet0.25 centerface
	@touch $@

.venv/sample.done: .venv/run.done
	@echo "Installing what makes the sample clip into .venv: 0.2 GB more."
	$(INSTALL) --editable '.[sample]'
	@touch $@

.venv/review.done: .venv/run.done
	@echo "Installing the server of the review page into .venv."
	$(INSTALL) --editable '.[review]'
	@touch $@

.venv/evaluate.done: .venv/run.done
	@echo "Installing what reads labels into .venv."
	$(INSTALL) --editable '.[evaluate]'
	@touch $@

# Apart from the rest: kfp needs an older protobuf.
.venv/pipeline.done: .venv/bin/python deploy/pipeline/requirements.txt
	$(BIN)/python -m venv --without-pip .venv/pipeline
	$(BIN)/python -m pip --python .venv/pipeline/bin/python install --quiet --disable-pip-version-check \
		--requirement deploy/pipeline/requirements.txt
	@touch $@

.venv/packages.done: .venv/run.done
	@echo "Installing the tests' packages and torch into .venv: about 5 GB more. This takes minutes, once."
	$(INSTALL) --editable '.[dev,gpu]'
	# retinaface-pytorch pins packages of 2021; comparing with it takes the albumentations that it pins.
	$(INSTALL) --no-deps retinaface-pytorch albumentations
	@touch $@

.venv/programs.done: .venv/bin/python pyproject.toml
	# The tests make their awkward files with ffmpeg and read them back with ffprobe: independent of PyAV.
	command -v ffprobe >/dev/null || { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends ffmpeg; } \
		|| echo "ffmpeg is missing: install it, or the tests on awkward files are skipped"
	# The tests of the review page open it in a browser.
	command -v chromium >/dev/null || { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium; } \
		|| echo "chromium is missing: install it, or the tests of the review page are skipped"
	# The tests of a fleet start a PostgreSQL and a Prometheus of their own, and workers whose clocks are wrong.
	{ command -v promtool && command -v faketime && ls /usr/lib/postgresql/*/bin/pg_ctl; } >/dev/null 2>&1 \
		|| { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends postgresql prometheus faketime; }
	@touch $@

# The three at a time: pip takes one core, and each waits for the network.
.venv/dev.done: .venv/bin/python pyproject.toml constraints.txt deploy/pipeline/requirements.txt
	@$(MAKE) --no-print-directory --jobs 3 .venv/packages.done .venv/pipeline.done .venv/programs.done
	@touch $@

clean:
	rm -rf .venv sample blurred
