require "socket"
ip, port = ARGV
sock = UDPSocket.new
sock.connect(ip, port)
sock.send($stdin.binmode.read, 0)
$stdout.binmode.write(sock.recv(65536))
