local socket = require "socket"
local sock = socket.udp()
assert(sock:setsockname(...))
while true do
    local data, ip, port = sock:receivefrom()
    sock:sendto(data, ip, port)
end
