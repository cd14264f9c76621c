use IO::Socket::INET;
my ($ip, $port) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => $ip, LocalPort => $port, Proto => "tcp", Listen => 5) or die "bind: $@";
$SIG{CHLD} = "IGNORE";
while (my $client = $server->accept) {
    next if fork;
    while (sysread $client, my $data, 4096) { syswrite $client, $data }
    exit;
}
