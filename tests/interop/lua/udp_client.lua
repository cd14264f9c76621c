local socket = require "socket"
local ip, port = ...
local sock = socket.udp()
assert(sock:setpeername(ip, port))
assert(sock:send(io.read("a")))
io.write(assert(sock:receive()))
