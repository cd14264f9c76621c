local socket = require "socket"
local ip, port = ...
local server = assert(socket.bind(ip, port))
while true do
    local client = server:accept()
    repeat
        client:settimeout(0)
        local data, why, part = client:receive(4096)
        client:settimeout(nil)
        client:send(data or part)
        socket.select({ client })
    until why == "closed"
    client:close()
end
