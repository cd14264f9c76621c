require "socket"
ip, port, way = ARGV
word = $stdin.binmode.read
TCPSocket.open(ip, port) do |sock|
  sock.write(word)
  sock.close_write if way == "half_close"
  $stdout.binmode.write(way == "count" ? sock.read(word.bytesize) : sock.read)
end
