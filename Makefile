# `make` alone explains the targets.

GO          ?= go
# Tests named TestBinary drive the built program as an operator would, with kill -9
# and signals; they are not unit tests, and `make check` leaves them to `make test`.
# The packages with tests against real peers: the tag peers, names from TestPeers; those
# of the Help Desk in Chromium, names from TestPages, have the machine for themselves.
# They wait more than they work, so three of them run at once.
PEERS        = ./cmd/trunkline ./internal/realpeer
# All packages, the longest first: they wait for disks and for sound, and a story is one
# thing after another, so three of them at once keep two cores at work.
PACKAGES     = ./cmd/trunkline ./media ./...
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 20s
BENCHTIME   ?= 1s

# What a program that the tests need comes from, on Debian: program:package.
# The race detector needs a C compiler; sipp, baresip and linphone are the real
# peers, sipvicious the attacker, chromium the Help Desk's browser; sox measures and
# makes sound for them; flite speaks and pocketsphinx writes down what was said.
TOOLS = gcc:gcc sipp:sip-tester baresip:baresip-core linphonec:linphone-cli sox:sox svcrack:sipvicious chromium:chromium flite:flite ip:iproute2 pocketsphinx_continuous:pocketsphinx

.DEFAULT_GOAL := help
.PHONY: help build demo test check bench fuzz prompts clean tools compiler vendor

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./trunkline
	CGO_ENABLED=0 $(GO) build -trimpath -o trunkline ./cmd/trunkline

demo: build ## show a whole call on this machine, then let your own phone take part
	@./trunkline demo

# Without the race detector, which `make check` has: it costs three times the time, and
# now and then gives up by itself on the stories with thousands of goroutines
# (ThreadSanitizer: CHECK failed).
test: tools ## install what the tests need (apt), and run every test, against real peers too (< 10 min)
	$(GO) test -p 3 $(PACKAGES)
	$(GO) test -count=1 -tags peers -run '^TestPeers' -parallel 3 $(PEERS)
	$(GO) test -count=1 -tags peers -run '^TestPages' -parallel 2 ./cmd/trunkline

check: compiler ## the fast gate: format, vet, staticcheck, the house's shape, unit tests with -race (some 3 min)
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags peers $(PEERS)
	$(GO) run $(STATICCHECK) -tags peers ./...
	$(GO) test -p 3 -race -skip '^TestBinary' $(PACKAGES)

bench: tools ## run the benchmarks (docs/performance.md says what the figures mean)
	$(GO) test -count=1 -run '^Test(Sound|Digits)UnderBadNetworks$$' -v ./internal/bench
	$(GO) test -count=1 -tags peers -run '^TestPagesAnOfferIsDrawnAtOnce$$' -v ./cmd/trunkline -offers 200
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 30m ./...

fuzz: ## run every fuzz target for FUZZTIME each (default 20s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# Needs npm. Nothing else does: what it makes is committed, and a test holds it
# against the hash that is committed beside it.
vendor: ## make the Help Desk's bundle of other people's code anew (npm)
	cd api/bundle && npm ci --no-fund --no-audit && npx esbuild vendor.js --bundle --minify --format=esm --legal-comments=none --outfile=../page/lib/ui.js
	for p in preact htm @preact/signals; do echo "== $$p $$(node -p "require('./api/bundle/node_modules/$$p/package.json').version")"; cat api/bundle/node_modules/$$p/LICENSE; echo; done > api/page/lib/LICENSES.txt
	sha256sum api/page/lib/ui.js | cut -d' ' -f1 > api/bundle/ui.js.sha256

prompts: ## make the shipped prompts anew from their words (flite, espeak-ng, sox)
	sh media/sounds/make.sh

clean: ## remove what was built
	rm -f trunkline
	$(GO) clean -testcache

# Installs the packages of TOOLS whose program is missing, with one apt-get.
install = missing=; for tool in $(1); do command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool\#\#*:}"; done; \
	case "$$missing" in *gcc*) missing="$$missing libc6-dev";; esac; \
	case "$$missing" in *pocketsphinx*) missing="$$missing pocketsphinx-en-us";; esac; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; \
	fi

tools:
	@$(call install,$(TOOLS))

compiler:
	@$(call install,$(filter gcc:%,$(TOOLS)))
