require "socket"
ip, port = ARGV
server = TCPServer.new(ip, port)
loop do
  Thread.new(server.accept) do |client|
    IO.copy_stream(client, client)
    client.close
  end
end
