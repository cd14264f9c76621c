// The echo server on Node's net module (20 or later): each socket is piped into itself. The pipe pauses
// reading while the client does not read, and ends the socket once everything is sent.
"use strict";

const net = require("node:net");

const port = Number(process.argv[2]);
// An invalid port, or one in use, is an uncaught error and ends the program.
net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  // A reset closes this connection only.
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
}).listen({ host: "127.0.0.1", port, backlog: 4096 });
