require "socket"
ip, port = ARGV
sock = UDPSocket.new
sock.bind(ip, port)
loop do
  data, peer = sock.recvfrom(65536)
  sock.send(data, 0, peer[3], peer[1])
end
