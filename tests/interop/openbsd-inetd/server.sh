# inetd with cat. Usage: server.sh IP PORT
echo "$1:$2 stream tcp4 nowait root /bin/cat cat" > /tmp/inetd.conf
exec inetd -i /tmp/inetd.conf
