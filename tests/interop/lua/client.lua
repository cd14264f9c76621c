local socket = require "socket"
local ip, port, way = ...
local word = io.read("a")
local sock = assert(socket.connect(ip, port))
assert(sock:send(word))
if way == "half_close" then
    sock:shutdown("send")
end
local answer, _, part = sock:receive(way == "count" and #word or "*a")
io.write(answer or part)
