<?php
[, $ip, $port, $way] = $argv;
$word = stream_get_contents(STDIN);
$sock = stream_socket_client("tcp://$ip:$port") or exit(1);
for ($sent = 0; $sent < strlen($word);) {
    $sent += fwrite($sock, substr($word, $sent));
}
if ($way == "half_close") {
    stream_socket_shutdown($sock, STREAM_SHUT_WR);
}
echo stream_get_contents($sock, $way == "count" ? strlen($word) : null);
