# sluice. `make` lists the targets; `make check` is exactly what CI runs.

GO          ?= go
TIME        ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS     := -s -w -X main.version=$(VERSION)
PGO         := bench/sluice.pgo
E2E         := internal/e2e
CONFORMANCE := internal/conformance
UI          := admin/ui

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: page ## build bin/sluice (the first time with a minute's optimizing for the load in bench/sluice.pgo)
	CGO_ENABLED=0 $(GO) build -trimpath -pgo=$(PGO) -ldflags '$(LDFLAGS)' -o bin/sluice ./cmd/sluice

# The dashboard is committed as it was built, so that every binary has it. Only whoever changes
# its sources needs Node; without it the build goes on, and a test says that the page is old.
.PHONY: page
page:
	@if command -v node >/dev/null && [ "$$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] && \
	  ! (cd $(UI) && node scripts/seal.mjs --check); then $(MAKE) ui; fi

.PHONY: ui
ui: ## build the dashboard from admin/ui into admin/ui/dist (Node 20 or newer)
	cd $(UI) && npm ci --no-fund --no-audit && npm run build

.PHONY: demo
demo: build ## watch a bad version being cut off, on real traffic (half a minute, once it is built)
	./bin/sluice demo

.PHONY: test
test: build ## run every test, with real servers on loopback (Go alone is enough; beside nginx and prometheus where installed)
	$(GO) test -timeout 5m ./...
	cd $(E2E) && SLUICE_BIN=$(CURDIR)/bin/sluice $(GO) test -short -parallel 4 -timeout 10m -count=1 ./...

.PHONY: kills
kills: build ## kill running rollouts 200 times at random instants, under traffic (make test does it 20 times)
	cd $(E2E) && SLUICE_BIN=$(CURDIR)/bin/sluice $(GO) test -run TestRolloutsSurviveKills -timeout 10m -count=1 -v .

.PHONY: race
race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -timeout 10m -race -short ./...

.PHONY: fmt
fmt: ## format the sources
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## formatting, vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	$(GO) vet ./...
	cd $(E2E) && $(GO) vet ./...
	cd $(CONFORMANCE) && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	cd $(E2E) && $(GO) run $(STATICCHECK) ./...
	cd $(CONFORMANCE) && $(GO) run $(STATICCHECK) ./...

.PHONY: fuzz
fuzz: ## fuzz each parser for TIME (default 30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target $(TIME)"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(TIME) -fuzzminimizetime 10x $$pkg; \
	  done; \
	done

.PHONY: bench
bench: build ## hot-path benchmarks with allocations, then CPU per request against nginx
	$(GO) test -run '^$$' -bench . -benchmem ./analysis ./router ./upstream ./proxy
	@command -v nginx >/dev/null || { echo "for the comparison with nginx, install the package nginx-light"; exit 1; }
	cd $(E2E) && SLUICE_BIN=$(CURDIR)/bin/sluice $(GO) test -run '^$$' -bench CPUPerRequest -benchtime 1x .

.PHONY: soak
soak: build ## load with reloads, rollouts, dying backends for TIME (default 10m); counts must agree, memory stay flat
	$(GO) run ./internal/soak -sluice bin/sluice -time $(if $(filter file,$(origin TIME)),10m,$(TIME))

.PHONY: bench-peers
bench-peers: build ## CPU per request, latency and memory beside nginx and HAProxy (6 minutes; FULL=1: every scenario, 12)
	$(GO) run ./bench/peers -sluice bin/sluice $(if $(FULL),-full -rounds 3 -duration 2s)

.PHONY: profile
profile: build ## take the profile that build optimizes for, bench/sluice.pgo, anew (2 minutes on a quiet machine)
	$(GO) run ./bench/peers -sluice bin/sluice -profile $(PGO) -duration 10s

.PHONY: conformance
conformance: build ## hold RFC 9110 and 9112 on raw sockets, and beside foreign servers: one table (seconds)
	cd $(CONFORMANCE) && SLUICE_BIN=$(CURDIR)/bin/sluice $(GO) test -timeout 10m -count=1

.PHONY: chaos
chaos: build ## toxics, kills, full disk, no descriptors, little memory, dead DNS, 10,000 slow clients (docs/FAULTS.md)
	$(GO) build -o bin/chaos ./internal/chaos
	bin/chaos -sluice bin/sluice $(if $(ONLY),-only $(ONLY)) $(if $(SHORT),-short)

.PHONY: check
check: ## what CI runs: lint, test, conformance, race, short fuzz and soak, demo
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) conformance
	$(MAKE) race
	$(MAKE) fuzz TIME=2s
	$(MAKE) soak TIME=20s
	$(MAKE) demo

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
