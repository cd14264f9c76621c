# Sockmirror: the commands that a person types. `make help` lists them.

# cc may be a link by way of /etc, which a bare system lacks.
ifeq ($(origin CC),default)
CC := $(if $(shell command -v cc),cc,gcc)
endif
CFLAGS ?= -O2 -g
# Where the C goes: a build with other flags can have a folder of its own.
C_OUT  ?= target/c-reference
# cargo, or where PATH has none, the one that rustup has installed for this user.
home_of_user = $$(getent passwd "$$(id -u)" | cut -d: -f6)
CARGO  ?= $(shell PATH=$$PATH:$$HOME/.cargo/bin:$(home_of_user)/.cargo/bin; command -v cargo || echo cargo)
# An empty environment has no PATH; the shell knows where programs are nevertheless.
ifndef PATH
export PATH := $(shell echo "$$PATH")
endif

# What the C must always be compiled and linked with, whatever CFLAGS and LDFLAGS say. Nothing merges the
# ends of blocks: two equal calls stay two, so that each system call can be traced back to its own line.
# printf is called where the source says printf, and not puts, which writes a line's end to a terminal apart.
# What a program does not use of the shared modules is left out. The linker's options are those that rustc
# gives it, too.
C_LANGUAGE  = -std=c17 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wmissing-prototypes -Werror
C_VERSION  := $(shell $(CC) --version 2> /dev/null)
C_RULES     = $(C_LANGUAGE) $(RULES_all) $(if $(findstring clang,$(C_VERSION)),$(RULES_clang),$(RULES_gcc))
RULES_all   = -fno-builtin-printf -fno-builtin-fprintf -ffunction-sections -fPIE
RULES_gcc   = -fno-crossjumping -fno-tree-tail-merge
RULES_clang = -mllvm -enable-tail-merge=0
C_LINK      = -pie -fuse-ld=bfd -Wl,-z,relro,-z,now,--gc-sections

# What several programs share has a folder; every .c file outside is a program.
C_PROGRAMS = $(basename $(notdir $(wildcard c-reference/*.c)))
C_SHARED   = $(patsubst c-reference/%.c,%,$(wildcard c-reference/common/*.c c-reference/server/*.c))

# Which twin runs the echo service, and what it is asked.
LANG_SERVER ?= rust
LANG_CLIENT ?= rust
SERVER_IP   ?= 127.0.0.1
PORT        ?= 5000
WORD        ?= hello
PROGRAMS_c    = $(C_OUT)
PROGRAMS_rust = target/release
programs_of   = $(or $(PROGRAMS_$($(1))),$(error $(1)=$($(1)): c or rust was expected))

# The tools, in the same target directory whatever CARGO_TARGET_DIR says.
export CARGO_TARGET_DIR = $(CURDIR)/target
MIRROR = $(CARGO) run --package mirror --
BENCH  = $(CARGO) run --release --package bench --

.DEFAULT_GOAL := build
.PHONY: build c check-c rust set-up check compare interop test bench study run-server run-client clean help force

build: c rust ## build every program: target/c-reference/NAME and target/release/NAME (the default)

c: $(C_PROGRAMS:%=$(C_OUT)/%)

# Two terminals may build at the same time: a file gets its name once it is whole.
new = $@.$$$$

$(C_PROGRAMS:%=$(C_OUT)/%): %: %.o $(C_SHARED:%=$(C_OUT)/%.o)
	$(CC) $(CFLAGS) $^ $(C_LINK) $(LDFLAGS) -o $(new) && mv -f $(new) $@

$(C_PROGRAMS:%=$(C_OUT)/%.o) $(C_SHARED:%=$(C_OUT)/%.o): $(C_OUT)/%.o: c-reference/%.c $(C_OUT)/commands
	@mkdir -p $(@D)
	$(CC) $(C_RULES) $(CFLAGS) -c $< -o $(new) -MMD -MP -MT $@ -MF $(new).d && \
	mv -f $(new).d $(@:.o=.d) && mv -f $(new) $@

# The headers that each object was made from.
-include $(C_PROGRAMS:%=$(C_OUT)/%.d) $(C_SHARED:%=$(C_OUT)/%.d)

# Changes when the compiler or what it is told changes, and then everything is made anew.
$(C_OUT)/commands: force
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(C_VERSION) $(C_RULES) $(CFLAGS) $(C_LINK) $(LDFLAGS))' > $(new) && \
	if cmp -s $(new) $@; then rm $(new); else mv -f $(new) $@; fi

# gcc checks a format only for the printf that it knows, which the rules above take from it.
check-c:
	$(CC) $(C_LANGUAGE) -fsyntax-only c-reference/*.c c-reference/*/*.c

rust:
	$(CARGO) build --release --package sockmirror

target/release/%: force
	$(CARGO) build --release --package sockmirror --bin $*

check: set-up ## a check of some seconds: format, clippy, the C's warnings, twins, layout; compares the programs that changed
	$(CARGO) test --workspace --test lint --test layout --test twins --no-fail-fast -- --quiet --skip documentation
	@$(MAKE) --silent build
	@MIRROR='$(MIRROR)' sh tests/compare.sh --changed
	@echo "not run, since it takes longer: documentation, errata, errnos, safe_functions, servers, scenarios' steps, builds," \
	"mutants, the tool's own tests (make test)"

compare: set-up build ## run every scenario in C and in Rust and compare; then every server with every client; PROGRAM="NAME …": only their scenarios
	@MIRROR='$(MIRROR)' sh tests/compare.sh $(PROGRAM)
	$(if $(PROGRAM),,$(MIRROR) interop ours)

interop: set-up build ## run every server and client with those of others that are installed (docs/interop.md)
	$(MIRROR) interop

test: set-up build ## all tests
	@sh tests/set-up.sh python3
	@sh tests/set-up.sh chromium chromedriver || echo "the pages of mirror report and of the guide will not be tested"
	@python3 tests/axe.py || echo "whether pages are accessible will not be tested"
	$(CARGO) test --workspace

bench: set-up build ## sizes and instructions, side by side; then the servers and what others use
	@sh tests/set-up.sh valgrind
	@CARGO='$(CARGO)' sh tests/bench/peers/build.sh
	$(MIRROR) bench
	$(BENCH) run

study: set-up ## build the study guide, the tutorial section by section: target/study/index.html, to be opened in a browser
	$(CARGO) run --quiet --package guide

set-up:
	@sh tests/set-up.sh

run-server: ## run the echo server: PORT=5000 LANG_SERVER=c|rust
	@$(MAKE) --no-print-directory $(call programs_of,LANG_SERVER)/echo_server
	sh tests/run-server.sh $(call programs_of,LANG_SERVER)/echo_server "$(PORT)"

run-client: ## send a word to it: WORD=hello SERVER_IP=127.0.0.1 PORT=5000 LANG_CLIENT=c|rust
	@$(MAKE) --no-print-directory $(call programs_of,LANG_CLIENT)/echo_client
	$(call programs_of,LANG_CLIENT)/echo_client "$(SERVER_IP)" "$(WORD)" "$(PORT)"

clean: ## remove everything that was built
	rm -rf target

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
