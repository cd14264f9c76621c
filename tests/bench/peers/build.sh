#!/bin/sh
# Builds the peers of peers.toml into target/bench/peers, and installs missing packages for that where
# root or sudo allows it. For a peer that cannot be built it prints one line to stderr, removes its
# program, and continues with the others. Programs that are up to date are not built again.
set -eu

cd "$(dirname "$0")/../../.."
here=tests/bench/peers
peers=target/bench/peers
logs=target/bench/logs
mkdir -p "$peers" "$logs"
exec 3>&2

# Builds the peers NAME... with RECIPE, a function below, whose last line of output says why it failed.
build() { # RECIPE NAME...
    log=$logs/$1.log
    if "$1" > "$log" 2>&1; then return; fi
    shift
    for name; do
        rm -rf "${peers:?}/$name"
        echo "peer $name: cannot be built: $(tail -n 1 "$log") (see $log)" >&2
    done
}

# Installs PACKAGE if COMMAND, which checks for it, fails.
package() { # PACKAGE COMMAND...
    package=$1
    shift
    if "$@"; then return; fi
    echo "installing for the benchmark: $package" >&3
    sh tests/set-up.sh "$package"
}

# The recipes. `set -e` has no effect in them, because build tests their exit status.

rust() {
    # Without the flags of .cargo/config.toml, which are for the project's own programs.
    RUSTFLAGS='' CARGO_TARGET_DIR=target/bench/rust \
        "${CARGO:-cargo}" build --quiet --release --locked --manifest-path "$here/rust/Cargo.toml" &&
        (cd target/bench/rust/release && ln -f tokio tokio_multi mio monoio ../../peers)
}

compile() { # NAME SOURCE OPTION...
    program=$peers/$1
    source=$here/$2
    shift 2
    if [ -e "$program" ] &&
        [ -z "$(find "$source" c-reference/common "$here/build.sh" -newer "$program")" ]; then
        return
    fi
    ${CC:-cc} -std=c17 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wmissing-prototypes -Werror -O2 \
        -Ic-reference/common "$source" c-reference/common/command_line.c c-reference/common/explain.c "$@" -o "$program"
}

libuv() {
    package libuv1-dev test -e /usr/include/uv.h &&
        compile libuv_try_write libuv.c -DTRY_WRITE=1 -luv &&
        compile libuv_write libuv.c -DTRY_WRITE=0 -luv
}

threads() {
    compile thread_per_connection thread_per_connection.c -pthread
}

go_net() {
    package golang-go go version &&
        program=$PWD/$peers/go &&
        (cd "$here/go" && go build -buildvcs=false -o "$program" .)
}

node_net() {
    package nodejs node --version &&
        ln -sf "$(node -p process.execPath)" "$peers/node"
}

virtual_environment() { # DIRECTORY OPTION...
    if [ -x "$1/bin/python" ]; then return; fi
    python3 -m venv --clear "$@"
}

python_asyncio() {
    package python3 python3 --version &&
        virtual_environment "$peers/python_asyncio" --without-pip
}

python_uvloop() {
    package python3-venv python3 -c 'import ensurepip' &&
        virtual_environment "$peers/python_uvloop" &&
        "$peers/python_uvloop/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$here/requirements.txt"
}

# Unpacked only: if installed, it would run as a service, with /etc/inetd.conf.
inetd() {
    root=target/bench/inetd
    if [ ! -x "$root/usr/sbin/inetd" ]; then
        mkdir -p "$root/packages/partial" &&
            apt-get install -qq --download-only --yes --reinstall --no-install-recommends \
                -o Debug::NoLocking=true -o Dir::Cache::archives="$PWD/$root/packages" openbsd-inetd &&
            for file in "$root"/packages/*.deb; do
                dpkg-deb --extract "$file" "$root" || return
            done
    fi && cp "$here/inetd.sh" "$peers/inetd"
}

build rust tokio tokio_multi mio monoio
build libuv libuv_try_write libuv_write
build threads thread_per_connection
build go_net go
build node_net node
build python_asyncio python_asyncio
build python_uvloop python_uvloop
build inetd inetd
