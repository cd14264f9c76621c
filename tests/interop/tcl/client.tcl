lassign $argv ip port way
set sock [socket $ip $port]
foreach channel [list stdin stdout $sock] { fconfigure $channel -translation binary }
set word [read stdin]
puts -nonewline $sock $word
flush $sock
if {$way eq "half_close"} {
    close $sock write
    puts -nonewline [read $sock]
} else {
    puts -nonewline [read $sock [string length $word]]
}
