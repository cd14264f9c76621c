# xinetd with its own echo service. Usage: server.sh IP PORT stream|dgram. It replaces its pid file, whatever that is.
case $3 in stream) protocol=tcp wait=no ;; dgram) protocol=udp wait=yes ;; esac
cat > /tmp/xinetd.conf << CONFIGURATION
service echo
{
    type = INTERNAL UNLISTED
    socket_type = $3
    protocol = $protocol
    wait = $wait
    bind = $1
    port = $2
}
CONFIGURATION
exec xinetd -dontfork -f /tmp/xinetd.conf -pidfile /tmp/xinetd.pid
