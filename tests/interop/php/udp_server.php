<?php
[, $ip, $port] = $argv;
$sock = stream_socket_server("udp://$ip:$port", $error, $message, STREAM_SERVER_BIND) or exit(1);
while (($data = stream_socket_recvfrom($sock, 65536, 0, $peer)) !== false) {
    stream_socket_sendto($sock, $data, 0, $peer);
}
