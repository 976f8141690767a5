# `make help` lists what there is. Needs Go 1.26, Node 22 or 24 and a POSIX shell;
# everything else is installed from lock files, under build/ and node_modules/.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

FUNCTIONS := customers payments orders activity
TEMPLATE  := infra/testdata/golden/default.template.json
PORT      ?=

# Lambda binaries do not depend on where they are built, so that an unchanged
# function is an unchanged asset. GOWORK=off keeps other modules out of their
# dependencies.
LAMBDA_BUILD := cd functions && GOWORK=off CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w'

go_sources = $(shell find $(1) \( -name '*.go' -not -name '*_test.go' -not -path '*/testdata/*' \) -o -name go.mod -o -name go.sum)
FUNCTION_SOURCES := $(call go_sources,functions idempotency)
LOCAL_SOURCES    := $(call go_sources,local)
CLIENT_SOURCES := $(shell find client/src client/tsconfig.json client/tsconfig.build.json -type f -not -name '*.test.ts' -not -path 'client/src/testing/*')
WEB_SOURCES := $(shell find webapp -type f -not -path '*/node_modules/*' -not -path 'webapp/dist/*' -not -path 'webapp/e2e/*' -not -path 'webapp/budgets/*' -not -path 'webapp/test-results/*')

# The version of the CDK is pinned: it need not ask the registry for newer ones.
CDK := CDK_DISABLE_VERSION_CHECK=1 npx --no-install cdk

# The modules of go.work; `go test ./...` at the root of a workspace tests nothing.
GO_DIRS     := evidence functions idempotency infra local tools
GO_MODULES  := $(shell sed -n 's|^\t\./||p' go.work)
GO_PACKAGES := $(GO_MODULES:%=./%/...)

say = @printf '\033[1m%s\033[0m\n' '$(1)'

# --- for people ---------------------------------------------------------------

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build/bin/local build-local webapp/dist/index.html ## the whole stack on this machine: http://localhost:8787 (PORT=… for another port)
	@exec build/bin/local --unthrottled $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: dynamodb
dynamodb: build/bin/dynamodb ## only the embedded DynamoDB, on port 8000 (PORT=… for another port)
	@exec build/bin/dynamodb $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: invoke
invoke: build/bin/local ## send an event to a function of the running stack: FUNCTION=payments EVENT=docs/events/payments-batch.json
	@build/bin/local invoke $(if $(PORT),--port $(PORT)) '$(FUNCTION)' '$(EVENT)'

# The parts of test run side by side, the longest first, because some of them wait
# most of the time. What one says is shown when it ends. A make without that
# feature, as macOS has it, takes one after the other.
PARTS := test-go test-e2e test-client test-infra lint test-infra-static test-web
JOBS  ?= $(if $(filter output-sync,$(.FEATURES)),5,1)

.PHONY: test
test: ## everything: lint, Go, infrastructure, client, web app, end to end in a browser (JOBS=1 for one part after the other)
	@echo "$(words $(PARTS)) parts, $(JOBS) at a time; each is shown when it ends: $(PARTS)"
	@$(MAKE) --jobs=1 valkey-server postgres-server browser
	@$(MAKE) --jobs=$(JOBS) $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) $(PARTS)
	$(call say,All tests passed.)

# Tests that read files outside of their module, of which Go's cache of results knows
# nothing: it would repeat what was said of other files. The other targets cache no
# results, because -shuffle and -update keep Go from it.
READ_OUTSIDE := ./evidence $(patsubst %,./evidence/library/%,canonicaljson command dynamostore idemotel)

.PHONY: check
check: valkey-server postgres-server ## seconds: what to run before a commit (formatting, vet, unit tests without races)
	$(call say,Formatting and vet)
	@unformatted=$$(gofmt -l $(GO_DIRS)) && if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	@go vet work
	$(call say,Go tests of what changed)
	@go test -count=1 $(READ_OUTSIDE)
	@go test ./idempotency/... ./idempotency/idemlambda/... ./evidence/library/... ./functions/customers ./functions/payments ./functions/orders ./functions/activity
	@for part in client webapp; do if [ -d $$part/node_modules ] && [ -f client/dist/.built ]; then (cd $$part && npm run --silent lint && npm run --silent typecheck) || exit 1; fi; done

.PHONY: golden
golden: node_modules/.installed ## rewrite the golden templates after a change to infra
	cd infra && go test . -run Golden -update
	@git --no-pager diff --stat -- infra/testdata/golden || true

.PHONY: guarantees
guarantees: valkey-server postgres-server ## rewrite what is measured in docs: the stories, the crash matrix, the conditions and the costs
	@go test ./evidence/crash ./evidence/costs ./evidence/mutation -count=1 -update

.PHONY: check-mutants
check-mutants: valkey-server postgres-server ## minutes: break each guarded condition in turn and see which test catches it
	@go run ./evidence/mutation

.PHONY: fuzz
fuzz: ## a quarter of an hour: every fuzzer for a minute (FUZZ_TIME=…)
	@tools/fuzz.sh $(or $(FUZZ_TIME),1m)

# What is only there to compare with stays out of the package's dependencies, and
# so out of the workspace. -mod=mod lets it follow when those change.
.PHONY: bench
bench: build-local build/bin/local $(FUNCTIONS:%=build/lambda/arm64/%/bootstrap) evidence/bench/node_modules/.installed ## minutes: measure against the SDK, Powertools and Fiber; rewrites docs/performance.md
	@cd evidence/bench && GOWORK=off GOFLAGS=-mod=mod go run . $(ARGS)

.PHONY: soak
soak: build/bin/local build-local ## half an hour: the local stack at half of what it bears; is memory flat, and latency? (ARGS='-for 2h')
	@go run ./evidence/soak $(ARGS)

.PHONY: check-model
check-model: ## one to two minutes: every interleaving of the protocol's models, and mutants that must fail
	@evidence/model/check.sh
	@evidence/model/transitions.sh

.PHONY: conformance
conformance: ## the DynamoDB contract suite: ours against moto, or against AWS_ENDPOINT_URL_DYNAMODB, in a table
	@local/dynamolocal/conformance/moto.sh

.PHONY: synth
synth: node_modules/.installed ## synthesise the CloudFormation template into cdk.out (ARGS='-c stage=…')
	@$(CDK) synth --quiet $(ARGS) && echo "cdk.out/IdempotentRequests.template.json"

# It says where to and what it costs, and asks; YES=1 goes on without, for CI.
DEPLOY := go run ./infra/deploy $(if $(YES),-yes)

.PHONY: deploy
deploy: node_modules/.installed ## deploy everything to the AWS account of your credentials (ARGS='-c stage=…', YES=1)
	@$(DEPLOY) deploy $(ARGS)

.PHONY: destroy
destroy: node_modules/.installed ## remove everything that deploy made
	@$(DEPLOY) destroy $(ARGS)

.PHONY: smoke
smoke: ## check a deployment from outside: make smoke URL=https://…
	@go run ./evidence/contract/smoke $(or $(URL),$(error say which deployment: make smoke URL=https://…))

.PHONY: test-deploy
test-deploy: ## deploy to an emulator by the real CDK, test what runs there, destroy it
	@infra/deploytest/run.sh

.PHONY: test-kills
test-kills: build/bin/local build-local webapp/dist/index.html ## minutes: kill the page's tab at every moment of every scenario
	@cd webapp && EVERY_MOMENT=true npm run --silent e2e -- survival

.PHONY: measure-page
measure-page: build/bin/local build-local webapp/dist/index.html webapp/budgets/node_modules/.installed ## minutes: hold the page's times against their budgets, and Lighthouse's performance; best on an idle machine
	@cd webapp && MEASURE=true npm run --silent e2e -- --workers=1 speed offline
	@cd webapp && MEASURE=true node budgets/lighthouse.mjs

.PHONY: screenshots
screenshots: build/bin/local build-local webapp/dist/index.html ## take the pictures that the README shows
	@cd webapp && SCREENSHOTS=true npm run --silent e2e -- screenshots

# Everything with a go.mod, and everything with a lock file of npm's.
ALL_MODULES  := $(patsubst %/go.mod,%,$(shell git ls-files '*go.mod' ':!*/testdata/*'))
ALL_PACKAGES := $(dir $(shell git ls-files '*package-lock.json'))

.PHONY: audit
audit: build/bin/govulncheck ## look for known vulnerabilities in what the code depends on; needs the network
	@for module in $(ALL_MODULES); do echo "$$module"; (cd $$module && GOWORK=off GOFLAGS=-mod=mod $(CURDIR)/build/bin/govulncheck ./...) || exit 1; done
	@for package in $(ALL_PACKAGES); do echo "$$package"; (cd $$package && npm audit --audit-level=moderate) || exit 1; done

# With GOWORK=off, because a module would otherwise consist of all that the
# workspace depends on.
.PHONY: sbom
sbom: build/bin/cyclonedx-gomod client/node_modules/.installed webapp/node_modules/.installed ## write what modules, functions and packages consist of into build/sbom (CycloneDX)
	@mkdir -p build/sbom
	@for module in $(ALL_MODULES); do GOWORK=off build/bin/cyclonedx-gomod mod -json -output build/sbom/$$(echo $$module | tr / -).cdx.json $$module || exit 1; done
	@for name in $(FUNCTIONS); do GOWORK=off build/bin/cyclonedx-gomod app -json -main cmd/$$name -output build/sbom/function-$$name.cdx.json functions || exit 1; done
	@for package in client webapp; do (cd $$package && npm sbom --omit dev --sbom-format cyclonedx) > build/sbom/$$package.cdx.json || exit 1; done
	@echo "build/sbom: $$(ls build/sbom | wc -l) documents"

.PHONY: release
release: ## check everything, then commit and tag a release; pushes nothing: VERSION=v0.1.0
	@go run ./tools/release $(or $(VERSION),$(error say which version: make release VERSION=v0.1.0))

.PHONY: clean
clean: ## remove what was built
	rm -rf build cdk.out client/dist webapp/dist

# --- builds -------------------------------------------------------------------

.PHONY: build
build: $(FUNCTIONS:%=build/lambda/arm64/%/bootstrap) webapp/dist/index.html ## what cdk deploys: function binaries and the web app

.PHONY: build-local
build-local: $(FUNCTIONS:%=build/lambda/local/%/bootstrap)

build/lambda/arm64/%/bootstrap: $(FUNCTION_SOURCES)
	@echo "building $* for Lambda (arm64)"
	@$(subst go build,GOARCH=arm64 go build,$(LAMBDA_BUILD)) -o ../$@ ./cmd/$*

build/lambda/local/%/bootstrap: $(FUNCTION_SOURCES)
	@echo "building $* for this machine"
	@$(LAMBDA_BUILD) -o ../$@ ./cmd/$*

build/bin/%: $(LOCAL_SOURCES)
	@echo "building $*"
	@cd local && GOWORK=off go build -o ../$@ ./cmd/$*

TOOLS := build/bin/staticcheck build/bin/actionlint build/bin/govulncheck
build/bin/staticcheck: TOOL := honnef.co/go/tools/cmd/staticcheck
build/bin/actionlint:  TOOL := github.com/rhysd/actionlint/cmd/actionlint
build/bin/govulncheck: TOOL := golang.org/x/vuln/cmd/govulncheck

$(TOOLS): tools/go.mod tools/go.sum
	@echo "building $(@F)"
	@cd tools && GOWORK=off go build -o ../$@ $(TOOL)

# Of many dependencies, so that it is a module of its own.
build/bin/cyclonedx-gomod: tools/sbom/go.mod tools/sbom/go.sum
	@echo "building $(@F)"
	@cd tools/sbom && GOWORK=off go build -o ../../$@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

# The page's node_modules links to the client package, which is used as it is built.
client/dist/.built: client/node_modules/.installed $(CLIENT_SOURCES)
	@echo "building the client"
	@rm -rf client/dist && cd client && npm run --silent build
	@touch $@

webapp/dist/index.html: client/dist/.built webapp/node_modules/.installed $(WEB_SOURCES)
	@echo "building the web app"
	@cd webapp && npm run --silent build
	@touch $@

# A stamp of ours: npm leaves the directory's time alone when nothing changed.
%node_modules/.installed: %package.json %package-lock.json
	@echo "installing $*node_modules"
	@cd ./$* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

node_modules/.installed: package.json package-lock.json
	@echo "installing node_modules"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# --- parts of test ------------------------------------------------------------

.PHONY: lint
lint: build/bin/staticcheck build/bin/actionlint ## gofmt, go vet, staticcheck, and the workflows of GitHub
	$(call say,Lint)
	@unformatted=$$(gofmt -l $(GO_DIRS)) && if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	@go vet work
	@build/bin/staticcheck $(GO_PACKAGES)
	@cd evidence/bench && GOWORK=off GOFLAGS=-mod=mod go vet ./... && GOWORK=off ../../build/bin/staticcheck ./...
	@build/bin/actionlint -no-color .github/workflows/*.yml

# make lint vets; many tests wait, so that there are more of them under way than
# processors; a slow machine is no failure.
GO_TEST := -shuffle=on -vet=off -p=$(shell expr 2 '*' "$$(getconf _NPROCESSORS_ONLN)") -parallel=8 -timeout=60m
# In these processes take turns, request by request: the race detector finds
# nothing there that it does not find in the library's own tests, in five times
# the time.
IN_TURNS := /evidence/(crash|simulation)$$

.PHONY: test-go
test-go: build-local valkey-server postgres-server ## the library, the functions, the local stack and the evidence
	$(call say,Go tests)
	@packages=$$(go list $(filter-out ./infra/...,$(GO_PACKAGES))) && export IDEMPOTENCY_TEST_SERVERS=required && \
		go test $(GO_TEST) -race $$(echo "$$packages" | grep -vE '$(IN_TURNS)') && \
		go test $(GO_TEST) $$(echo "$$packages" | grep -E '$(IN_TURNS)')
	@cd evidence/bench && GOWORK=off GOFLAGS=-mod=mod go test ./...

# What the tests of the Valkey store run.
.PHONY: valkey-server
valkey-server:
	@tools/ensure-server.sh valkey

# What the tests of the PostgreSQL store run.
.PHONY: postgres-server
postgres-server:
	@tools/ensure-server.sh postgres

# What the tests in a browser run.
.PHONY: browser
browser: webapp/node_modules/.installed
	@node webapp/e2e/ensure-browser.mjs

.PHONY: test-infra
test-infra: ## the stack against its golden template
	$(call say,Infrastructure tests)
	@go test $(GO_TEST) ./infra/...

.PHONY: test-infra-static
test-infra-static: ## cfn-lint and cdk-nag over the golden templates
	$(call say,Static checks of the templates)
	@infra/static/run.sh

.PHONY: test-openapi
test-openapi: build/bin/local build-local ## linters over docs/openapi.yaml, and schemathesis for a minute over the local stack
	$(call say,OpenAPI document)
	@evidence/openapi/run.sh

.PHONY: test-client
test-client: client/dist/.built browser ## the client library: lint, types, unit tests, simulation, in Chromium, as a package elsewhere
	$(call say,Client tests)
	@cd client && npm run --silent lint && npm run --silent typecheck && npm run --silent test && npm run --silent test:browser && npm run --silent test:package

.PHONY: simulate-client
simulate-client: client/node_modules/.installed ## minutes: 10,000 random histories of the client library (CASES=… of each kind)
	@cd client && npm run --silent simulate

.PHONY: soak-client
soak-client: client/node_modules/.installed browser ## ten minutes: the client library in Chromium, with faults at random (SOAK_MINUTES=…)
	@cd client && npm run --silent soak

.PHONY: test-web
test-web: webapp/dist/index.html ## web app: lint, types, unit tests, build
	$(call say,Web app tests)
	@cd webapp && npm run --silent lint && npm run --silent typecheck && npm run --silent test
	@node webapp/budgets/javascript.mjs

.PHONY: test-e2e
test-e2e: build/bin/local build-local webapp/dist/index.html webapp/budgets/node_modules/.installed ## end to end: a real browser against the local stack; Lighthouse
	$(call say,End-to-end tests)
	@cd webapp && npm run --silent e2e
	@node webapp/budgets/lighthouse.mjs
