#!/bin/sh
# Runs a server in the place of this shell, and says which port it listens on once it does:
# run-server.sh PROGRAM [ARGUMENT…]
set -u

server=$$

# The port of the server's own listening socket. /proc/net/tcp has the number of every socket, and
# /proc/PID/fd the numbers of the server's: that somebody else listens on the port is not enough.
listening_port() {
    sockets=$(readlink "/proc/$server/fd"/*)
    while read -r _ address _ state _ _ _ _ _ number _; do
        if [ "$state" = 0A ] && echo "$sockets" | grep -qxF "socket:[$number]"; then
            echo $((0x${address#*:}))
            return
        fi
    done < /proc/net/tcp
    return 1
}

# Ends with the server, whose zombie has no program any more.
announce() {
    until port=$(listening_port); do
        readlink "/proc/$server/exe" > /dev/null || return
        sleep 0.1
    done
    echo "listening on port $port"
}

# The subshell in between leaves the server no child that it does not know of.
(announce &)
exec "$@"
