#!/bin/sh
# The oldest solution: inetd (Debian's openbsd-inetd) accepts, and starts a process per connection, here
# cat, with the connection as standard input and output. build.sh unpacks inetd and copies this script.
#
# It runs as root of a user namespace, so that it needs neither privileges nor another user, and in a
# mount namespace, so that it does not overwrite the system's /run/inetd.pid. -i: stay in the
# foreground; -q: backlog; -R: limit of connections per minute, out of reach here (0 means the default,
# 256).
#
# Usage: inetd PORT
set -eu

if [ $# != 1 ]; then
    echo "usage: inetd PORT" >&2
    exit 2
fi
PORT=$1
root=$(dirname "$0")/../inetd
# The libraries that were unpacked with it. inetd does not pass the variable on to cat.
LIBRARIES=$(printf '%s:' "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu)
INETD=$root/usr/sbin/inetd
export PORT LIBRARIES INETD

# shellcheck disable=SC2016 # the inner shell expands it
exec unshare --map-root-user --mount sh -euc '
    mount -t tmpfs run /run
    exec env LD_LIBRARY_PATH="$LIBRARIES" "$INETD" -i -q 4096 -R 1000000000 /dev/fd/3 3<< CONFIGURATION
127.0.0.1:$PORT stream tcp4 nowait root /bin/cat cat
CONFIGURATION'
