use IO::Socket::INET;
my ($ip, $port) = @ARGV;
my $sock = IO::Socket::INET->new(LocalAddr => $ip, LocalPort => $port, Proto => "udp") or die "bind: $@";
while (defined(my $peer = $sock->recv(my $data, 65536))) {
    $sock->send($data, 0, $peer);
}
