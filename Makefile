# LongLoRA in Go. `make` prints the targets.

MODULES  := internal internal/store/cloud schemas kernels pipeline longqa trainer
TOOLS    := kernels/asm trainer/oracle scripts/lint
BINARIES := pipeline longqa trainer
GO       ?= go
PYTHON   ?= python3

.PHONY: help build longqa longqa-large quickstart test race lint bench bench-cpu bench-pipeline generate golden check standalone arm64 base clean interop build-gpu ptx gpu-test

help:
	@echo 'make build       build pipeline, longqa and trainer into bin/ (pure Go, no cgo)'
	@echo 'make quickstart  the whole path: LongQA, shards, LongLoRA fine-tuning, a report (about 5 minutes)'
	@echo 'make longqa      build the LongQA dataset from the Go tree into build/longqa'
	@echo 'make longqa-large  more than 50,000 questions from the Go tree into build/longqa-large'
	@echo 'make test        run every test of every module'
	@echo 'make race        run the tests of every module under the race detector (short mode)'
	@echo 'make lint        gofmt, go vet, staticcheck, import rules'
	@echo 'make bench       run every benchmark once; the last lines are JSON'
	@echo 'make arm64       run the tests of the kernels on arm64, under qemu if need be'
	@echo 'make build-gpu   build bin/trainer-gpu, which trains on NVIDIA GPUs (needs gcc, no CUDA toolkit)'
	@echo 'make ptx         compile the CUDA kernels again (needs clang-22)'
	@echo 'make gpu-test    test what needs a GPU without one: emulated kernels, PTX, driver'
	@echo 'make bench-cpu   kernels, training steps and decoding against their peers, which it installs'
	@echo 'make bench-pipeline  the data pipeline against its peers (needs Python)'
	@echo 'make interop     load what the trainer writes in transformers, PEFT and llama.cpp, and compare'
	@echo 'make generate    regenerate the assembly'
	@echo 'make golden      rewrite the golden files from their oracles (needs scripts/requirements.txt)'
	@echo 'make base        make the embedded base model again, from the Go tree (about an hour)'
	@echo 'make check       all that CI checks: lint, standalone builds, generated files, tests, race'

# Each binary is built from its own module, without the workspace, so that the tools' modules
# (linters, generators, oracles) are never downloaded for it. The tag leaves the gRPC half of
# Google's storage client out: stores are reached over HTTP, and their part of a first build takes a
# quarter less.
build:
	@mkdir -p bin
	@for b in $(BINARIES); do \
	  echo "build bin/$$b"; \
	  (cd $$b && GOWORK=off CGO_ENABLED=0 $(GO) build -tags disable_grpc_modules -trimpath -ldflags='-s -w' -o ../bin/$$b ./cmd/$$b) || exit 1; \
	done

longqa: build
	bin/longqa build --overwrite --out build/longqa

longqa-large: build
	bin/longqa build --recipe large --overwrite --out build/longqa-large

quickstart: build
	bash scripts/quickstart

base: build
	bash scripts/base

test:
	@$(GO) test -json work | $(GO) run ./scripts/lint/testgate

race:
	@$(GO) test -race -short -json work | $(GO) run ./scripts/lint/testgate

lint: build/tools/staticcheck
	@unformatted=$$(gofmt -l $(MODULES) $(TOOLS)); \
	  if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet work
	@for m in $(MODULES) $(TOOLS); do \
	  echo "staticcheck $$m"; (cd $$m && $(CURDIR)/build/tools/staticcheck ./...) || exit 1; \
	done
	$(GO) test ./scripts/lint

build/tools/staticcheck: scripts/lint/go.mod
	@mkdir -p build/tools
	cd scripts/lint && GOWORK=off $(GO) build -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

arm64:
	bash scripts/arm64

build-gpu:
	@mkdir -p bin
	cd trainer && GOWORK=off bash ../scripts/gpu build -trimpath -o ../bin/trainer-gpu ./cmd/trainer

ptx:
	bash scripts/ptx

gpu-test:
	bash scripts/gpu-test

standalone:
	@for m in $(MODULES) $(TOOLS); do \
	  echo "GOWORK=off build $$m"; (cd $$m && GOWORK=off CGO_ENABLED=0 $(GO) build -o /dev/null ./...) || exit 1; \
	done
	cd kernels && GOWORK=off GOARCH=arm64 $(GO) vet ./...

generate:
	cd kernels/asm && $(GO) run . -pkg gemm -out ../gemm/kernel_amd64.s -stubs ../gemm/kernel_amd64.go
	cd kernels/asm && $(GO) run . -pkg simd -out ../simd/rows_amd64.s -stubs ../simd/rows_amd64.go
	cd kernels/asm && $(GO) run . -pkg peak -out ../peak/loops_amd64.s -stubs ../peak/loops_amd64.go
	cd kernels/asm && $(GO) run . -pkg neon
	gofmt -l kernels

bench:
	bash scripts/bench/all

bench-cpu:
	bash scripts/bench/cpu

bench-pipeline:
	PYTHON=$(PYTHON) bash scripts/bench/pipeline

interop: build
	bash scripts/interop/all

golden:
	PYTHON=$(PYTHON) bash scripts/oracle/all

check: lint standalone
	@$(MAKE) --no-print-directory generate && git diff --exit-code -- kernels
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory race

clean:
	rm -rf bin build
