lassign $argv ip port
proc accept {client ip port} {
    fconfigure $client -translation binary -blocking 0
    fileevent $client readable [list echo $client]
}
proc echo client {
    puts -nonewline $client [read $client]
    if {[eof $client]} { close $client } else { flush $client }
}
socket -server accept -myaddr $ip $port
vwait forever
