<?php
[, $ip, $port] = $argv;
$sock = stream_socket_client("udp://$ip:$port") or exit(1);
stream_socket_sendto($sock, stream_get_contents(STDIN));
echo stream_socket_recvfrom($sock, 65536);
