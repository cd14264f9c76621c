<?php
[, $ip, $port] = $argv;
$server = stream_socket_server("tcp://$ip:$port") or exit(1);
while ($client = stream_socket_accept($server, 86400)) {
    while (($data = fread($client, 4096)) != "") {
        for ($sent = 0; $sent < strlen($data);) {
            $sent += fwrite($client, substr($data, $sent));
        }
    }
    fclose($client);
}
