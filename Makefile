# Sockmirror: the commands that a person types. `make help` lists them.

CC     ?= cc
CARGO  ?= cargo
CFLAGS ?= -O2 -g

# What the C must always be compiled and linked with, whatever CFLAGS and LDFLAGS say. Without
# cross-jumping and tail merging, two equal calls stay two, so that each system call can be traced back
# to its own line. What a program does not use of the shared modules is left out. The linker's options are
# those that rustc gives it, too.
C_RULES = -std=c17 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wmissing-prototypes -Werror \
          -fno-crossjumping -fno-tree-tail-merge -ffunction-sections -fPIE
C_LINK  = -pie -fuse-ld=bfd -Wl,-z,relro,-z,now,--gc-sections

# Modules that several programs share; every other .c file is a program.
C_SHARED   = explain command_line loopback server connections uring streams
C_PROGRAMS = $(filter-out $(C_SHARED),$(basename $(notdir $(wildcard c-reference/*.c))))

# Which twin runs the echo service, and what it is asked.
LANG_SERVER ?= rust
LANG_CLIENT ?= rust
SERVER_IP   ?= 127.0.0.1
PORT        ?= 5000
WORD        ?= hello
PROGRAMS_c    = target/c-reference
PROGRAMS_rust = target/release
programs_of   = $(or $(PROGRAMS_$($(1))),$(error $(1)=$($(1)): c or rust was expected))

# The tools, in the same target directory whatever CARGO_TARGET_DIR says.
export CARGO_TARGET_DIR = $(CURDIR)/target
MIRROR = $(CARGO) run --quiet --package mirror --
BENCH  = $(CARGO) run --quiet --release --package bench --

.DEFAULT_GOAL := build
.PHONY: build c rust set-up compare test bench run-server run-client clean help

build: c rust ## build every program: target/c-reference/NAME and target/release/NAME (the default)

c: $(C_PROGRAMS:%=target/c-reference/%)

target/c-reference/%: c-reference/%.c $(C_SHARED:%=c-reference/%.c) $(C_SHARED:%=c-reference/%.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(C_RULES) $(CFLAGS) $< $(C_SHARED:%=c-reference/%.c) $(C_LINK) $(LDFLAGS) -o $@

rust:
	$(CARGO) build --release --quiet --package sockmirror

compare: set-up build ## run every scenario in C and in Rust and compare; then every server with every client
	$(MIRROR) compare
	$(MIRROR) interop

test: set-up build ## all tests
	$(CARGO) test --workspace

bench: set-up build ## sizes and instructions, side by side; then the servers and what people would take instead
	@sh tests/set-up.sh valgrind
	@sh tests/bench/peers/build.sh
	$(MIRROR) bench
	$(BENCH) run

set-up:
	@sh tests/set-up.sh

run-server: build ## run the echo server: PORT=5000 LANG_SERVER=c|rust
	$(call programs_of,LANG_SERVER)/echo_server "$(PORT)"

run-client: build ## send a word to it: WORD=hello SERVER_IP=127.0.0.1 PORT=5000 LANG_CLIENT=c|rust
	$(call programs_of,LANG_CLIENT)/echo_client "$(SERVER_IP)" "$(WORD)" "$(PORT)"

clean: ## remove everything that was built
	rm -rf target

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
