#!/bin/sh
# The oldest answer: inetd (Debian's openbsd-inetd) accepts, and a process for each connection, here
# cat, talks to its standard input and output. build.sh unpacks inetd and copies this beside it.
#
# It runs as the root of a user namespace of its own, so that neither root nor a user to switch to
# is needed, and in a mount namespace, where its /run/inetd.pid is not the machine's. -i: stays in
# the foreground; -q: the backlog; -R: connections per minute, more than there can be (0 means the
# usual 256).
#
# Call: inetd PORT
set -eu

if [ $# != 1 ]; then
    echo "inetd: one argument was expected: PORT" >&2
    exit 2
fi
PORT=$1
root=$(dirname "$0")/../inetd
# Where the libraries are that came with it. inetd does not hand this on to cat.
LIBRARIES=$(printf '%s:' "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu)
INETD=$root/usr/sbin/inetd
export PORT LIBRARIES INETD

# shellcheck disable=SC2016 # the inner shell expands it
exec unshare --map-root-user --mount sh -euc '
    mount -t tmpfs run /run
    exec env LD_LIBRARY_PATH="$LIBRARIES" "$INETD" -i -q 4096 -R 1000000000 /dev/fd/3 3<< CONFIGURATION
127.0.0.1:$PORT stream tcp4 nowait root /bin/cat cat
CONFIGURATION'
