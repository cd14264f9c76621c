use IO::Socket::INET;
my ($ip, $port) = @ARGV;
binmode $_ for *STDIN, *STDOUT;
my $word = do { local $/; <STDIN> };
my $sock = IO::Socket::INET->new(PeerAddr => $ip, PeerPort => $port, Proto => "udp") or die "connect: $@";
defined $sock->send($word) or die "send: $!";
defined $sock->recv(my $answer, 65536) or die "recv: $!";
print $answer;
