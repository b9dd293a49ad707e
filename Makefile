# Short names for what CONTRIBUTING.md describes. The two commands of the README need no make.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/benchrun
RUFF  := $(CACHE)/lint/bin/ruff

.PHONY: run test tch prove-judge prove-compare prove-kill prove-frauds prove-soak prove-fuzz lint format features schemas

run:            ## the main job, on real data
	cargo run --release -- specs/classical.toml

test:           ## all tests
	cargo test --release

# With the PyTorch environment's interpreter first on the path, which torch-sys asks where libtorch is.
WITH_TORCH = python=$$(cargo run --release --quiet -- env sync python/pytorch) && \
             PATH="$$(dirname "$$python"):$$PATH" LIBTORCH_USE_PYTORCH=1

tch:            ## makes the PyTorch environment, and builds rust/tch's worker on the libtorch in it
	$(WITH_TORCH) cargo build --release --package benchrun-tch

prove-judge:    ## simulates the judge in full, some minutes: the tables of docs/design/judge.md
	cargo bench --bench judge

prove-compare:  ## `benchrun compare` beside pandas and SciPy on 10 000 000 samples: the tables of docs/design/compare-speed.md
	cargo bench --bench compare

prove-kill:     ## kills the runner at KILLS random moments, and continues it: what counts is what an undisturbed run has
	KILLS=$(or $(KILLS),170) RACES=10 cargo test --release --test it kills:: -- --nocapture

prove-frauds:   ## plants every fraud in a network's training: each must be refused, and honest deviations not
	BENCHRUN_ALL_FRAUDS=1 cargo test --release --test it network_frauds:: -- --nocapture

prove-soak:     ## TRIALS tiny trials in one run: flat memory, no process and no descriptor left
	TRIALS=$(or $(TRIALS),2400) cargo test --release --test it soak:: -- --nocapture

# Seconds of each of the eleven targets, executions of each at most, and where the random numbers begin: docs/design/security.md.
FUZZ_SECONDS    ?= 300
FUZZ_EXECUTIONS ?= 1000000000
FUZZ_SEED       ?= 1
FUZZ_FINDINGS   ?= fuzz-findings

prove-fuzz:     ## fuzzes what reads specs, events, journals, data and archives; inputs that are wrong land in fuzz-findings/
	BENCHRUN_FUZZ_SECONDS=$(FUZZ_SECONDS) BENCHRUN_FUZZ_EXECUTIONS=$(FUZZ_EXECUTIONS) BENCHRUN_FUZZ_SEED=$(FUZZ_SEED) \
	BENCHRUN_FUZZ_FINDINGS=$(abspath $(FUZZ_FINDINGS)) cargo test --release --test fuzz -- --nocapture

lint: features $(RUFF) ## formatting, clippy, ruff
	cargo fmt --check
	$(WITH_TORCH) cargo clippy --release --workspace --all-targets -- -D warnings
	$(RUFF) check python_adapters
	$(RUFF) check --config python_adapters/ruff.toml tests/adapters
	# Reference scripts are notes of a computation: correct, but not typed.
	$(RUFF) check --config python_adapters/ruff.toml --select E,F,W,I,B,UP --ignore E501 tests/reference tests/data benches
	$(RUFF) format --check --config python_adapters/ruff.toml python_adapters tests benches

format: $(RUFF)
	cargo fmt
	$(RUFF) format --config python_adapters/ruff.toml python_adapters tests benches

features:       ## building and testing must compile the dependencies alike, or polars is compiled twice
	@cargo tree -e normal,build --prefix none -f '{p} [{f}]' | sed 's/ (\*)//' | sort -u > .features-build
	@cargo tree -e normal,build,dev --prefix none -f '{p} [{f}]' | sed 's/ (\*)//' | sort -u > .features-test
	@different=$$(comm -23 .features-build .features-test); rm -f .features-build .features-test; \
	 if [ -n "$$different" ]; then echo "built with other features than tested:"; echo "$$different"; exit 1; fi

schemas:        ## writes schemas/ anew from the types, and the table of docs/design/faults.md from the suite
	BENCHRUN_WRITE_SCHEMAS=1 cargo test --release --lib schemas_are
	BENCHRUN_WRITE_SCHEMAS=1 cargo test --release --test it the_page_shows

$(RUFF):
	python3 -m venv $(CACHE)/lint
	$(CACHE)/lint/bin/pip install --quiet ruff==0.17.5
